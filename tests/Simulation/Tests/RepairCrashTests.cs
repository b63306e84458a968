using EntityActors.Simulation.Tests.Damage;
using EntityActors.Simulation.Tests.Disk;
using EntityActors.Storage.Integrity;
using Xunit;
using Xunit.Abstractions;

namespace EntityActors.Simulation.Tests.Tests;

/// <summary>A power cut at any call of a repair must leave what was there: the damaged file that parity rebuilds, or the right one.</summary>
public sealed class RepairCrashTests(ITestOutputHelper output)
{
    private const long Seed = 3;
    private const int Operations = 120;
    private const int OutcomesPerPoint = 8;

    [Fact]
    public void No_crash_of_a_repair_makes_the_damage_worse()
    {
        var store = DamageBase.Of(Seed, Operations, isStopped: true);
        var tried = 0;
        foreach (var path in store.Paths.Where(path => store.KindOf(path) == StoredFileKind.Segment))
        {
            var damaged = store.Apply(new DamageImage(DamageKind.Flip, path, 8 * 40));
            foreach (var disk in CrashesOfRepair(store, damaged, path))
            {
                using var opened = new DamagedStore(new SimulatedFileSystem(disk), store.Wall + TimeSpan.FromSeconds(2), new Random(1));
                Assert.Empty(opened.LostShards);
                foreach (var shard in opened.Shards.Keys) opened.Compare(shard, store.Promises[shard.Value].Shard);
                Assert.Empty(opened.LostAnswers);
                Assert.DoesNotContain(StoredFiles.Paths(opened.State), name => name.EndsWith(".repair.tmp", StringComparison.Ordinal));
                tried++;
            }
        }

        output.WriteLine($"{tried} crashes of repairs");
        Assert.True(tried > 100, $"{tried}");
    }

    private static List<DiskState> CrashesOfRepair(DamageBase store, DiskState damaged, string path)
    {
        var files = new SimulatedFileSystem(damaged);
        var crashes = new List<DiskState>();
        using (var opened = new DamagedStore(files, store.Wall + TimeSpan.FromSeconds(1), new Random(2)))
        {
            var random = new Random(3);
            files.BeforeChange = (_, disk) =>
            {
                crashes.Add(disk);
                for (var outcome = 1; outcome < OutcomesPerPoint; outcome++) crashes.Add(disk.Cut(CrashChoice.Of(outcome, random)));
            };
            var report = new ScrubReport();
            foreach (var bytes in new StoreScrubber(opened.Node, repairs: true).Pass(report)) Assert.True(bytes >= 0);
            files.BeforeChange = null;
            Assert.Equal(ScrubResult.Rewritten, Assert.Single(report.Findings).Result);
            Assert.Equal(path, report.Findings[0].Path);
        }

        Assert.Equal(StoredFiles.Bytes(store.Disk, path), StoredFiles.Bytes(files.State, path));
        return crashes;
    }
}
