using EntityActors.Storage.Integrity;
using EntityActors.Storage.Io;
using EntityActors.Storage.Model;
using EntityActors.Storage.Shards;
using EntityActors.Storage.Tests.Shards;
using EntityActors.Tests.Shared;
using Xunit;

namespace EntityActors.Storage.Tests.Blobs;

/// <summary>Inspector and scrubber know blobs: a damaged or missing one is named, and nothing else is.</summary>
public sealed class BlobVerificationTests : IDisposable
{
    private static readonly ShardId Shard = new(0);
    private static readonly EntityKey Key = new("docs", "a");
    private readonly TempDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Theory]
    [InlineData("header", 20)]
    [InlineData("block", 512 + 70_000)]
    [InlineData("checksum", 512 + 65_536)]
    [InlineData("footer", -30)]
    [InlineData("length", 0)]
    [InlineData("missing", 0)]
    public async Task Damage_is_found_in_a_closed_store_and_by_the_scrubber(string what, int at)
    {
        string path;
        using (var driver = new ShardDriver(Options()))
        {
            var blob = BlobSamples.Write(driver.Node.Blobs, BlobSamples.Bytes(200_000), Shard, Key);
            Assert.IsType<PrepareResult.Accepted>(await driver.Execute(
                new PutEntity(Key, CommandId.New(), "", null, default, [], new Content("x/y", default) { Blob = blob })));
            Assert.True(driver.Checkpoint(force: true));
            Assert.Empty(Scrub(driver.Node));
            path = driver.Node.BlobFiles.PathOf(Shard, blob.Id);
        }

        Assert.DoesNotContain(Inspect(), finding => finding.Severity == Severity.Damage);
        Harm(what, path, at);
        var damage = Assert.Single(Inspect(), finding => finding.Severity == Severity.Damage);
        Assert.EndsWith(Path.GetFileName(path), damage.Path, StringComparison.Ordinal);
        using var again = new ShardDriver(Options());
        var found = Scrub(again.Node);
        // Whether one is missing is looked for by verification, which reads every row.
        if (what == "missing") Assert.Empty(found);
        else Assert.Equal((path, ScrubResult.Lost), (Assert.Single(found).Path, found[0].Result));
        using var view = again.Store.View();
        Assert.Equal(200_000, view.Get(Key, new AsOf(Timestamp.MaxValue, Timestamp.MaxValue))!.ContentLength);
    }

    private static void Harm(string what, string path, int at)
    {
        if (what == "missing")
        {
            File.Delete(path);
            return;
        }

        using var file = File.Open(path, FileMode.Open, FileAccess.ReadWrite);
        if (what == "length")
        {
            file.SetLength(file.Length - 1);
            return;
        }

        file.Position = at < 0 ? file.Length + at : at;
        var before = file.ReadByte();
        file.Position--;
        file.WriteByte((byte)(before ^ 0x10));
    }

    private static IReadOnlyList<ScrubFinding> Scrub(NodeStore node)
    {
        var report = new ScrubReport();
        foreach (var bytes in new StoreScrubber(node, repairs: true).Pass(report)) Assert.True(bytes >= 0);
        return report.Findings;
    }

    private List<Finding> Inspect()
    {
        var findings = new List<Finding>();
        _ = StoreInspector.Inspect(PosixFileSystem.Instance, _directory.Path, findings.Add, null);
        return findings;
    }

    private NodeStoreOptions Options() => new() { DataDirectory = _directory.Path, ShardCount = 1 };
}
