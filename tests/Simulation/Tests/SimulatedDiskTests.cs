using EntityActors.Simulation.Tests.Disk;
using EntityActors.Storage.Model;
using Xunit;

namespace EntityActors.Simulation.Tests.Tests;

/// <summary>The simulated disk must be as bad as a real one may be, and no better.</summary>
public sealed class SimulatedDiskTests
{
    private const int Outcomes = 300;

    [Fact]
    public void A_synced_file_in_a_synced_directory_survives_every_crash()
    {
        var files = NewDisk();
        Store(files, "/d/a", [1, 2, 3], sync: true);
        files.SyncDirectory("/d");
        Assert.All(Cuts(files), cut => Assert.Equal([1, 2, 3], Read(cut, "/d/a")));
    }

    [Fact]
    public void A_name_is_lost_or_kept_until_its_directory_is_synced()
    {
        var files = NewDisk();
        Store(files, "/d/a", [1], sync: true);
        Assert.Equal([false, true], Cuts(files).Select(cut => Open(cut).FileExists("/d/a")).Distinct().Order());
    }

    [Fact]
    public void Deletes_are_undone_in_every_combination_until_the_directory_is_synced()
    {
        var files = NewDisk();
        foreach (var name in new[] { "a", "b", "c" }) Store(files, $"/d/{name}", [1], sync: true);
        files.SyncDirectory("/d");
        foreach (var name in new[] { "a", "b", "c" }) files.Delete($"/d/{name}");
        Assert.Equal(8, Cuts(files).Select(cut => string.Concat(Open(cut).List("/d"))).Distinct().Count());
        files.SyncDirectory("/d");
        Assert.All(Cuts(files), cut => Assert.Empty(Open(cut).List("/d")));
    }

    [Fact]
    public void A_rename_happens_as_a_whole_or_not_at_all()
    {
        var files = NewDisk();
        Store(files, "/d/a", [1], sync: true);
        files.SyncDirectory("/d");
        files.Rename("/d/a", "/d/b");
        Assert.Equal(["a", "b"], Cuts(files).Select(cut => string.Concat(Open(cut).List("/d"))).Distinct().Order());
    }

    [Fact]
    public void An_unsynced_overwrite_is_torn_at_sectors_and_never_within_one()
    {
        var files = NewDisk();
        var before = Enumerable.Repeat((byte)1, 2048).ToArray();
        var after = Enumerable.Repeat((byte)2, 2048).ToArray();
        Store(files, "/d/a", before, sync: true);
        files.SyncDirectory("/d");
        using (var file = files.OpenWrite("/d/a")) file.Write(0, after);
        var kinds = new HashSet<string>();
        foreach (var cut in Cuts(files))
        {
            var sectors = Read(cut, "/d/a").Chunk(FileContent.SectorBytes).Select(sector => Assert.Single(sector.Distinct())).ToArray();
            Assert.Equal(4, sectors.Length);
            kinds.Add(string.Concat(sectors));
        }

        Assert.Equal(16, kinds.Count);
    }

    [Fact]
    public void A_file_that_grew_may_keep_its_length_and_lose_its_bytes()
    {
        var files = NewDisk();
        Store(files, "/d/a", [], sync: true);
        files.SyncDirectory("/d");
        using (var file = files.OpenWrite("/d/a")) file.Write(0, Enumerable.Repeat((byte)7, 1024).ToArray());
        var kinds = Cuts(files).Select(cut => Read(cut, "/d/a")).ToArray();
        Assert.Contains(kinds, bytes => bytes.Length == 0);
        Assert.Contains(kinds, bytes => bytes.Length == 1024 && bytes.All(value => value == 7));
        Assert.Contains(kinds, bytes => bytes.Length == 1024 && bytes.All(value => value == 0));
    }

    [Fact]
    public void After_a_failed_sync_the_next_one_succeeds_and_stores_nothing_of_what_was_lost()
    {
        var files = NewDisk();
        Store(files, "/d/a", [1], sync: true);
        files.SyncDirectory("/d");
        using var file = files.OpenWrite("/d/a");
        file.Write(0, [2]);
        files.Fault = new DiskFault(files.Calls + 1, 1, DiskFault.InputOutput, LosesUnsynced: true);
        Assert.Throws<StoreIoException>(file.SyncData);
        file.SyncData();
        Assert.Equal([2], Read(files.State, "/d/a"));
        Assert.All(Cuts(files), cut => Assert.Equal([1], Read(cut, "/d/a")));
    }

    [Fact]
    public void A_lock_has_one_holder_and_ends_with_the_process()
    {
        var files = NewDisk();
        using (var held = files.TryLock("/d/lock"))
        {
            Assert.NotNull(held);
            Assert.Null(files.TryLock("/d/lock"));
            using var successor = Open(files.State).TryLock("/d/lock");
            Assert.NotNull(successor);
        }

        using var again = files.TryLock("/d/lock");
        Assert.NotNull(again);
    }

    private static SimulatedFileSystem NewDisk()
    {
        var files = new SimulatedFileSystem(DiskState.Empty);
        files.CreateDirectory("/d");
        return files;
    }

    private static void Store(SimulatedFileSystem files, string path, byte[] bytes, bool sync)
    {
        using var file = files.Create(path);
        file.Write(0, bytes);
        if (sync) file.SyncData();
    }

    private static SimulatedFileSystem Open(DiskState disk) => new(disk);

    private static byte[] Read(DiskState disk, string path)
    {
        using var file = Open(disk).OpenRead(path);
        var bytes = new byte[file.Length];
        Assert.Equal(bytes.Length, file.Read(0, bytes));
        return bytes;
    }

    private static IEnumerable<DiskState> Cuts(SimulatedFileSystem files)
    {
        for (var outcome = 1; outcome < Outcomes; outcome++) yield return files.State.Cut(CrashChoice.Of(outcome, new Random(outcome)));
    }
}
