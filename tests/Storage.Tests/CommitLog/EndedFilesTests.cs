using EntityActors.Storage.CommitLog;
using Xunit;

namespace EntityActors.Storage.Tests.CommitLog;

/// <summary>Log files that shall go: ended early, and without a byte of what was in them when they are used again.</summary>
public sealed class EndedFilesTests
{
    private const int FileBytes = 16 * 1024;

    [Fact]
    public void A_file_that_is_used_again_holds_nothing_of_what_was_in_it()
    {
        using var log = new LogFixture(FileBytes);
        for (var i = 0; i < 8; i++) log.Group(3000, 1, 2);
        Assert.True(log.Writer.NeedsSpare);
        Assert.Contains(File.ReadAllBytes(log.FilePath()), static value => value != 0);
        log.Writer.Recycle(0);
        var spare = File.ReadAllBytes(Path.Combine(log.LogDirectory, LogLayout.SpareFile));
        Assert.Equal(FileBytes, spare.Length);
        Assert.DoesNotContain(spare, static value => value != 0);
        for (var i = 0; i < 4; i++) log.Group(3000, 1, 2);
        using var index = log.Scan();
        Assert.Empty(index.Damage);
    }

    [Fact]
    public void A_file_ends_early_when_the_next_one_is_there_and_the_log_reads_on_in_it()
    {
        using var log = new LogFixture(FileBytes);
        log.Group(100, 1);
        log.Writer.EndsFile = true;
        log.Group(100, 1);
        Assert.Equal(0, log.Writer.FileStart);
        log.Writer.PrepareSpare();
        log.Group(100, 1);
        Assert.Equal((FileBytes, false), (log.Writer.FileStart, log.Writer.EndsFile));
        log.Writer.EndsFile = true;
        log.Writer.PrepareSpare();
        // An idle log ends its file with a watermark, once, and then rests.
        log.Writer.WriteWatermark();
        Assert.Equal(2 * FileBytes, log.Writer.FileStart);
        log.Writer.WriteWatermark();
        log.Group(100, 1);
        using var index = log.Scan();
        Assert.Equal((4, 0), (LogFixture.All(index).Length, index.Damage.Count));
    }
}
