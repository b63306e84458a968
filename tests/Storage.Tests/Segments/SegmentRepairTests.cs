using EntityActors.Storage.Io;
using EntityActors.Storage.Segments;
using EntityActors.Tests.Shared.Faults;
using Xunit;

namespace EntityActors.Storage.Tests.Segments;

public sealed class SegmentRepairTests
{
    private static readonly SegmentOptions TinyBlocks = new() { BlockBytes = 256 };

    [Fact]
    public void Each_single_damaged_place_is_found_and_the_file_is_byte_for_byte_as_before()
    {
        using var fixture = new SegmentFixture();
        var info = Write(fixture, steps: 120);
        var path = fixture.PathOf(info.Id);
        var sound = File.ReadAllBytes(path);
        for (var at = 0; at < sound.Length; at += 41)
        {
            File.WriteAllBytes(path, Flip(sound, at));
            var repair = Run(path, info);
            Assert.True(repair.Damaged.Count == 1 && repair.Lost.Count == 0 && repair.IsRewritten, $"byte {at}: {repair.Damaged.Count} found, {repair.Lost.Count} lost");
            Assert.True(sound.AsSpan().SequenceEqual(File.ReadAllBytes(path)), $"byte {at}: the file is another one");
        }

        Assert.Equal([Path.GetFileName(path)], Directory.GetFiles(fixture.Directory).Select(Path.GetFileName));
    }

    [Fact]
    public void One_damaged_block_in_every_stripe_is_rebuilt_at_once()
    {
        using var fixture = new SegmentFixture();
        var info = Write(fixture, steps: 600);
        var path = fixture.PathOf(info.Id);
        var sound = File.ReadAllBytes(path);
        var bytes = sound.ToArray();
        var stripes = 0;
        using (var file = SegmentFile.Open(PosixFileSystem.Instance, path, info, new BlockCache(0), null))
        {
            for (var block = 3; block < file.Index.Blocks.Length; block += SegmentFormat.StripeBlocks, stripes++) bytes[file.Index.Blocks[block].Offset] ^= 1;
        }

        Assert.True(stripes > 3, $"{stripes} stripes");
        File.WriteAllBytes(path, bytes);
        Assert.Equal(stripes, Run(path, info).Damaged.Count);
        Assert.Equal(sound, File.ReadAllBytes(path));
    }

    [Fact]
    public void Two_damaged_blocks_of_a_stripe_stay_as_they_are_and_all_else_is_rebuilt()
    {
        using var fixture = new SegmentFixture();
        var info = Write(fixture, steps: 600);
        var path = fixture.PathOf(info.Id);
        var sound = File.ReadAllBytes(path);
        var expected = sound.ToArray();
        var bytes = sound.ToArray();
        using (var file = SegmentFile.Open(PosixFileSystem.Instance, path, info, new BlockCache(0), null))
        {
            foreach (var block in new[] { 1, 2 }) expected[file.Index.Blocks[block].Offset] ^= 4;
            expected.CopyTo(bytes, 0);
            bytes[file.Index.Blocks[SegmentFormat.StripeBlocks].Offset] ^= 4;
        }

        File.WriteAllBytes(path, bytes);
        var repair = Run(path, info);
        Assert.Equal((3, 2, true), (repair.Damaged.Count, repair.Lost.Count, repair.IsRewritten));
        Assert.Equal(expected, File.ReadAllBytes(path));
        // Another try finds nothing that it could better, and leaves the file alone.
        Assert.False(Run(path, info).IsRewritten);
    }

    [Fact]
    public void A_sound_file_and_a_check_alone_write_nothing()
    {
        using var fixture = new SegmentFixture();
        var info = Write(fixture, steps: 60);
        var path = fixture.PathOf(info.Id);
        var files = new HookedFileSystem(PosixFileSystem.Instance)
        {
            Before = (call, _) => Assert.True(call is FileCall.OpenRead or FileCall.Read, $"{call}"),
        };
        Assert.Empty(Run(path, info, files).Damaged);
        File.WriteAllBytes(path, Flip(File.ReadAllBytes(path), 40));
        Assert.Single(Run(path, info, files, rewrites: false).Damaged);
    }

    [Fact]
    public void A_disk_that_refuses_leaves_the_damaged_file_and_no_other()
    {
        using var fixture = new SegmentFixture();
        var info = Write(fixture, steps: 60);
        var path = fixture.PathOf(info.Id);
        var damaged = Flip(File.ReadAllBytes(path), 40);
        foreach (var failing in new[] { FileCall.Create, FileCall.Write, FileCall.SyncData, FileCall.Rename })
        {
            File.WriteAllBytes(path, damaged);
            var files = new HookedFileSystem(PosixFileSystem.Instance);
            files.Before = (call, name) =>
            {
                if (call == failing) throw HookedFileSystem.Failure(name);
            };
            Assert.Throws<EntityActors.Storage.Model.StoreIoException>(() => Run(path, info, files));
            Assert.Equal(damaged, File.ReadAllBytes(path));
            Assert.Single(Directory.GetFiles(fixture.Directory));
        }
    }

    [Fact]
    public void What_is_written_wrong_never_takes_the_place_of_the_file()
    {
        using var fixture = new SegmentFixture();
        var info = Write(fixture, steps: 60);
        var path = fixture.PathOf(info.Id);
        var damaged = Flip(File.ReadAllBytes(path), 40);
        File.WriteAllBytes(path, damaged);
        var files = new HookedFileSystem(PosixFileSystem.Instance);
        var isHarmed = false;
        files.Before = (call, name) =>
        {
            // Two blocks of the copy, once it is complete.
            if (call != FileCall.OpenRead || !name.EndsWith(SegmentRepair.TemporarySuffix, StringComparison.Ordinal) || isHarmed) return;
            isHarmed = true;
            File.WriteAllBytes(name, Flip(Flip(File.ReadAllBytes(name), 40), 400));
        };
        var repair = Run(path, info, files);
        Assert.True(isHarmed);
        Assert.False(repair.IsRewritten);
        Assert.Equal(damaged, File.ReadAllBytes(path));
    }

    private static SegmentInfo Write(SegmentFixture fixture, int steps)
    {
        var history = new History(new Random(17));
        for (var i = 0; i < steps; i++) history.Step(keys: 30);
        return fixture.Write(history, 0, history.Recorded.Count, TinyBlocks);
    }

    private static SegmentRepair Run(string path, SegmentInfo info, IFileSystem? files = null, bool rewrites = true)
    {
        var repair = new SegmentRepair(files ?? PosixFileSystem.Instance, path, info, "test");
        foreach (var bytes in repair.Run(rewrites)) Assert.True(bytes > 0);
        return repair;
    }

    private static byte[] Flip(byte[] bytes, int at)
    {
        var flipped = bytes.ToArray();
        flipped[at] ^= 0x10;
        return flipped;
    }
}
