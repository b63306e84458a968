using EntityActors.Host.Http;
using EntityActors.Host.Security;
using EntityActors.Host.Security.Audit;
using EntityActors.Storage.Io;
using EntityActors.Tests.Shared;
using EntityActors.Tests.Shared.Faults;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace EntityActors.Host.Tests.Security;

/// <summary>The files of the audit log: what is found, what is kept, what happens when the disk fails.</summary>
public sealed class AuditTests : IDisposable
{
    private const string Node = "n";
    private readonly TempDirectory _directory = new();
    private readonly SettableTime _time = new();
    private readonly SecuritySettings _settings = TestSettings.Of("entityactors.security { audit-file-bytes = 64KiB, audit-files = 3, audit-denials-per-second = 5 }");

    private AuditReader Reader => new(PosixFileSystem.Instance, _directory.Path);

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task What_was_written_is_read_and_goes_on_behind_a_restart()
    {
        await WriteAsync(3);
        await WriteAsync(3);
        Assert.Equal(Enumerable.Range(1, 6).Select(n => (long)n), Reader.Read(Node, 0, 100).Select(entry => entry.Sequence));
        Assert.Equal([5, 6], Reader.Read(Node, 4, 100).Select(entry => entry.Sequence));
        Assert.Equal([3, 4], Reader.Read(Node, 2, 2).Select(entry => entry.Sequence));
        Assert.Equal((6L, 0), (Reader.Verify(Node).Count, Reader.Verify(Node).Findings.Count));
    }

    [Fact]
    public async Task Every_changed_byte_every_missing_and_every_added_line_is_found()
    {
        await WriteAsync(4);
        var path = new AuditFiles(PosixFileSystem.Instance, _directory.Path, Node).PathOf(1);
        var bytes = await File.ReadAllBytesAsync(path);
        for (var i = 0; i < bytes.Length; i++)
        {
            var changed = bytes.ToArray();
            changed[i] ^= 1;
            // A last line without its end counts as never finished.
            if (i == bytes.Length - 1) continue;
            await File.WriteAllBytesAsync(path, changed);
            Assert.True(Reader.Verify(Node).Findings.Count > 0, $"byte {i}");
        }

        var lines = System.Text.Encoding.UTF8.GetString(bytes).TrimEnd('\n').Split('\n');
        foreach (var wrong in new[] { lines[..1].Concat(lines[2..]), lines.Append(lines[3]), [lines[0], lines[2], lines[1], lines[3]] })
        {
            await File.WriteAllTextAsync(path, string.Join('\n', wrong) + "\n");
            Assert.NotEmpty(Reader.Verify(Node).Findings);
        }
    }

    [Fact]
    public async Task An_entry_that_was_written_anew_with_a_hash_of_its_own_is_found()
    {
        await WriteAsync(4);
        var path = new AuditFiles(PosixFileSystem.Instance, _directory.Path, Node).PathOf(1);
        var lines = System.Text.Encoding.UTF8.GetString(await File.ReadAllBytesAsync(path)).TrimEnd('\n').Split('\n');
        Assert.True(AuditLine.TryRead(System.Text.Encoding.UTF8.GetBytes(lines[1]), out var entry, out _));
        lines[1] = System.Text.Encoding.UTF8.GetString(AuditLine.Write(entry with { User = "somebody else" }).Line).TrimEnd('\n');
        await File.WriteAllTextAsync(path, string.Join('\n', lines) + "\n");
        Assert.Contains("entry 3 does not follow", Assert.Single(Reader.Verify(Node).Findings), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Files_are_closed_at_their_size_the_oldest_go_and_the_chain_goes_on()
    {
        for (var i = 0; i < 15; i++) await WriteAsync(100);
        var starts = new AuditFiles(PosixFileSystem.Instance, _directory.Path, Node).Starts();
        Assert.Equal(_settings.AuditFiles, starts.Count);
        Assert.True(starts[0] > 1);
        Assert.Empty(Reader.Verify(Node).Findings);
        // One that was just begun when the process was killed.
        await File.WriteAllBytesAsync(new AuditFiles(PosixFileSystem.Instance, _directory.Path, Node).PathOf(1_501), []);
        await WriteAsync(1);
        Assert.Empty(Reader.Verify(Node).Findings);
        Assert.Equal(1_501, Reader.Read(Node, 1_500, 10).Single().Sequence);
        File.Delete(new AuditFiles(PosixFileSystem.Instance, _directory.Path, Node).PathOf(starts[1]));
        Assert.NotEmpty(Reader.Verify(Node).Findings);
    }

    [Fact]
    public async Task An_entry_that_was_never_finished_is_cut_off_and_a_broken_chain_is_told()
    {
        await WriteAsync(2);
        var path = new AuditFiles(PosixFileSystem.Instance, _directory.Path, Node).PathOf(1);
        await File.AppendAllTextAsync(path, "0123456789abcdef {\"sequ");
        await WriteAsync(1);
        Assert.Equal((3L, 0), (Reader.Verify(Node).Count, Reader.Verify(Node).Findings.Count));
        var text = await File.ReadAllTextAsync(path);
        await File.WriteAllTextAsync(path, text.Replace("\"sequence\":2", "\"sequence\":9", StringComparison.Ordinal));
        await WriteAsync(1);
        Assert.Equal(["log_damaged", "login"], Reader.Read(Node, 3, 10).Select(entry => entry.Kind));
        Assert.NotEmpty(Reader.Verify(Node).Findings);
    }

    [Fact]
    public async Task A_flood_of_denials_is_counted_and_pushes_nothing_out()
    {
        await using (var log = NewLog(PosixFileSystem.Instance))
        {
            for (var i = 0; i < 1_000; i++) log.Note(new AuditEvent("denied", "", $"{i}", ""));
            _time.Advance(TimeSpan.FromSeconds(1));
            log.Note(new AuditEvent("denied", "", "later", ""));
        }

        var entries = Reader.Read(Node, 0, 100);
        Assert.Equal([0, 0, 0, 0, 0, 995], entries.Select(entry => entry.Unlisted));
    }

    [Fact]
    public async Task While_it_cannot_be_written_who_writes_is_told_and_it_goes_on_afterwards()
    {
        var disk = new HookedFileSystem(PosixFileSystem.Instance);
        await using var log = NewLog(disk);
        await log.WriteAsync(new AuditEvent("login", "a", "", ""));
        disk.Before = (call, path) => throw HookedFileSystem.Failure(path);
        var refused = await Assert.ThrowsAsync<ApiProblem>(() => log.WriteAsync(new AuditEvent("login", "b", "", "")));
        Assert.Equal((503, "unavailable"), (refused.Status, refused.Code));
        disk.Before = null;
        await log.WriteAsync(new AuditEvent("login", "c", "", ""));
        Assert.Equal(["a", "c"], Reader.Read(Node, 0, 10).Select(entry => entry.User));
        Assert.Empty(Reader.Verify(Node).Findings);
    }

    private async Task WriteAsync(int count)
    {
        await using var log = NewLog(PosixFileSystem.Instance);
        for (var i = 0; i < count; i++) await log.WriteAsync(new AuditEvent("login", $"user{i}", "", "127.0.0.1"));
    }

    private AuditLog NewLog(IFileSystem disk) =>
        new(disk, () => new AuditFiles(disk, _directory.Path, Node), _settings, _time, NullLogger<AuditLog>.Instance);
}
