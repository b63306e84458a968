using EntityActors.Storage.Integrity;
using EntityActors.Storage.Io;
using EntityActors.Storage.Model;
using EntityActors.Storage.Shards;
using EntityActors.Tests.Shared;
using Xunit;

namespace EntityActors.Storage.Tests.Shards;

/// <summary>What was trimmed is gone for every read at once, everything else is as it was, and after the next merges no file holds a byte of it.</summary>
public sealed class TrimTests : IDisposable
{
    private const int SecretBytes = 24;

    private static readonly EntityKey Busy = new("demo", "busy");
    private static readonly EntityKey Still = new("demo", "still");
    private static readonly EntityKey Other = new("other", "busy");

    private readonly Random _random = SeedSource.For(SeedSource.Next(), 22);
    private readonly List<byte[]> _secrets = [];
    private readonly TempDirectory _directory = new();
    private readonly SteppedTime _time = new();
    private readonly ShardDriver _driver;

    public TrimTests() => _driver = new ShardDriver(Options(), files: null, _time);

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task No_file_holds_a_byte_of_what_was_trimmed_after_the_next_merges(bool checkpointBetween)
    {
        await WriteHistory(checkpointBetween, rounds: 4, secret: true);
        await Put(Busy, "t:kept");
        var before = Now();
        await Put(Busy, "t:last");
        Assert.NotEmpty(FilesWithSecrets());
        await Trim("demo", before.At, 1);
        Erase();
        for (var i = 0; i < 600 && FilesWithSecrets().Count > 0; i++)
        {
            if (_driver.Node.Purges.EraseLogs() is not null) Assert.True(_driver.Checkpoint(force: true));
            await Task.Delay(100);
        }

        Assert.Empty(FilesWithSecrets());
        _driver.Reopen();
        using (var view = _driver.Store.View())
        {
            Assert.Equal(6, view.Get(Busy, Now())!.Revision);
            Assert.Equal("t:kept", view.Get(Busy, before)!.Tags[0].Text);
            var history = view.History(Busy, null, null, 0, 100, long.MaxValue, Now(), out _, out _);
            Assert.Equal((5L, true, 2), (history[0].Revision, history[0].IsBase, history.Count));
        }

        _driver.Dispose();
        var findings = new List<Finding>();
        _ = StoreInspector.Inspect(PosixFileSystem.Instance, _directory.Path, findings.Add, null);
        Assert.DoesNotContain(findings, static finding => finding.Severity == Severity.Damage);
    }

    public void Dispose()
    {
        _driver.Dispose();
        _directory.Dispose();
    }

    private NodeStoreOptions Options() => new()
    {
        DataDirectory = _directory.Path, ShardCount = 1, ErasureDelay = TimeSpan.FromHours(1), DuplicateWindow = TimeSpan.FromSeconds(10),
        Log = new() { FileBytes = 1 << 20, RecordBytesMax = 1 << 19, ClockReservation = TimeSpan.FromHours(20), ClockRenewal = TimeSpan.FromHours(10) },
    };

    private AsOf Now()
    {
        Assert.Equal(ReadReadiness.Ready, _driver.Store.TryBeginRead(null, null, out var now));
        return now;
    }

    private async Task Trim(string dataset, Timestamp before, long keep)
    {
        var result = await _driver.Execute(HistoryTrim.Command(dataset, new ShardId(0), 1, before, keep, CommandId.New(), "retention"));
        Assert.True(result is PrepareResult.Accepted, $"{result}");
    }

    private void Erase()
    {
        Assert.True(_driver.Checkpoint(force: true));
        _time.Advance(TimeSpan.FromSeconds(12));
        for (var i = 0; _driver.Store.Header!.Erasure.IsUnderWay || !_driver.Store.IsErased; i++)
        {
            Assert.True(i < 100, "erasing does not end");
            Assert.True(_driver.Checkpoint(force: true));
        }
    }

    private async Task WriteHistory(bool checkpointBetween, int rounds, bool secret)
    {
        for (var i = 0; i < rounds; i++)
        {
            await Put(Busy, "t:" + (secret ? SecretText() : $"{i}"), new Content("application/octet-stream", Secret()));
            if (i == 0) await Put(Still, "t:still");
            if (checkpointBetween && i < rounds - 1) Assert.True(_driver.Checkpoint(force: true));
        }
    }

    private async Task Put(EntityKey key, string tag, Content? content = null) =>
        Assert.IsType<PrepareResult.Accepted>(await _driver.Execute(new PutEntity(key, CommandId.New(), "ann", null, default, [new Tag(tag)], content)));

    private byte[] Secret()
    {
        var secret = new byte[SecretBytes];
        _random.NextBytes(secret);
        _secrets.Add(secret);
        return secret;
    }

    private string SecretText()
    {
        var text = Convert.ToHexString(Secret());
        _secrets.Add(System.Text.Encoding.ASCII.GetBytes(text));
        return text;
    }

    private IReadOnlyList<string> FilesWithSecrets() => StoredBytes.FilesHolding(_directory.Path, _secrets);
}
