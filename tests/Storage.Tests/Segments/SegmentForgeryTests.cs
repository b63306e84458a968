using EntityActors.Storage.Indexes;
using EntityActors.Storage.Model;
using EntityActors.Storage.Segments;
using EntityActors.Tests.Shared;
using Xunit;

namespace EntityActors.Storage.Tests.Segments;

/// <summary>Wrong bytes under right checksums: a reader answers or throws <see cref="CorruptDataException"/>, nothing else, and ends.</summary>
public sealed class SegmentForgeryTests
{
    private const int RoundCount = 1500;
    private const long AllocatedBytesMax = 64L * 1024 * 1024;

    [Fact]
    public void Forged_bytes_are_read_or_reported_and_never_break_the_reader()
    {
        var seed = SeedSource.Next();
        var random = SeedSource.For(seed, 0);
        using var fixture = new SegmentFixture();
        var history = new History(random);
        for (var i = 0; i < 150; i++) history.Step(keys: random.Next(2) == 0 ? 1 : 12);
        // Small blocks are mostly stored as they are, so that a change of a byte is one of a row.
        var info = fixture.Write(history, 0, history.Recorded.Count, new SegmentOptions { BlockBytes = 150 });
        var original = File.ReadAllBytes(fixture.PathOf(info.Id));
        var reported = 0;
        for (var round = 0; round < RoundCount; round++)
        {
            var forger = new SegmentForger(original);
            var what = Forge(forger, random);
            var (bytes, forged) = forger.Finish(info);
            File.WriteAllBytes(fixture.PathOf(info.Id), bytes);
            var before = GC.GetAllocatedBytesForCurrentThread();
            try
            {
                ReadEverything(fixture, forged, history);
            }
            catch (CorruptDataException)
            {
                reported++;
            }
            catch (Exception cause)
            {
                throw new InvalidOperationException($"{SeedSource.Variable}={seed}, round {round}, {what}: {cause.GetType().Name} {cause.Message}", cause);
            }

            var allocated = GC.GetAllocatedBytesForCurrentThread() - before;
            Assert.True(allocated < AllocatedBytesMax, $"{SeedSource.Variable}={seed}, round {round}, {what}: {allocated} bytes allocated");
        }

        Assert.True(reported > RoundCount / 10, $"{SeedSource.Variable}={seed}: only {reported} of {RoundCount} were reported");
    }

    private static string Forge(SegmentForger forger, Random random)
    {
        var count = random.Next(1, 3);
        var part = (SegmentPart)random.Next(1, 6);
        switch (random.Next(8))
        {
            case 0:
                forger.ChangePart(part, bytes => Spoil(bytes, count, random));
                return $"{part}";
            case 1:
                forger.ChangeFooter(bytes => Spoil(bytes, count, random));
                return "footer";
            default:
                var block = random.Next(forger.BlockCount);
                forger.ChangeBlock(block, bytes => Spoil(bytes, count, random));
                return $"block {block}";
        }
    }

    private static void Spoil(byte[] bytes, int count, Random random)
    {
        for (var i = 0; i < count && bytes.Length > 0; i++)
        {
            var at = random.Next(bytes.Length);
            bytes[at] = random.Next(3) switch { 0 => (byte)(bytes[at] ^ (1 << random.Next(8))), 1 => 0xFF, _ => (byte)random.Next(256) };
        }
    }

    // Each kind of read on its own, so that damage in one place does not hide what another read makes of it.
    private static void ReadEverything(SegmentFixture fixture, SegmentInfo info, History history)
    {
        using var segment = fixture.Open(info, new BlockCache(0));
        CorruptDataException? first = null;
        segment.Verify(static _ => { });
        using var set = SegmentSet.Of([fixture.Open(info, new BlockCache(1 << 20))]);
        var middle = new AsOf(new Timestamp(history.Clock / 2), new Timestamp(history.Clock / 2));
        Try(() => segment.ReadAll().Sum(entity => entity.Changes.Count()));
        foreach (var (key, changes) in history.Changes)
        {
            Try(() => set.FindHead(key));
            Try(() => set.FindState(key, middle));
            Try(() => set.ReadChanges(key, 1, long.MaxValue).Count());
            Try(() => set.ReadChangesBackward(key, changes.Count).Count());
            Try(() => set.ReadContent(key, changes[^1].ContentRevision));
            Try(() => set.FindHeadByOrdinal(changes[0].Ordinal));
        }

        foreach (var dataset in new[] { "data", "other" })
        {
            Try(() => TagQueryEvaluator.CountTags([segment], dataset, "", null, middle).Count());
            Try(() => TagQueryEvaluator.CountTags([segment], dataset, "a:", "a:3", new AsOf(Timestamp.MaxValue, Timestamp.MaxValue)).Count());
        }

        if (first is not null) throw first;

        void Try<T>(Func<T> read)
        {
            try
            {
                _ = read();
            }
            catch (CorruptDataException damage)
            {
                first ??= damage;
            }
        }
    }
}
