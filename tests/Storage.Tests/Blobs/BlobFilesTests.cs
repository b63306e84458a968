using System.Buffers.Binary;
using System.IO.Hashing;
using EntityActors.Storage.Blobs;
using EntityActors.Storage.Format;
using EntityActors.Storage.Io;
using EntityActors.Storage.Model;
using EntityActors.Tests.Shared;
using EntityActors.Tests.Shared.Faults;
using Xunit;

namespace EntityActors.Storage.Tests.Blobs;

/// <summary>Blob files: what was written comes back, or it is told that it does not.</summary>
public sealed class BlobFilesTests : IDisposable
{
    private readonly TempDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(65_535)]
    [InlineData(65_536)]
    [InlineData(65_537)]
    [InlineData(4 * 65_536)]
    [InlineData((4 * 65_536) + 1)]
    [InlineData(3_000_000)]
    public void Every_length_comes_back_byte_for_byte_whole_and_in_ranges(int length)
    {
        using var blobs = BlobSamples.Files(_directory.Path);
        var bytes = BlobSamples.Bytes(length);
        var blob = BlobSamples.Write(blobs, bytes);
        Assert.Equal((length, XxHash128.HashToUInt128(bytes)), (blob.Length, blob.Hash));
        using var reader = blobs.Open(BlobSamples.Shard, BlobSamples.Key, blob);
        Assert.Equal(bytes, BlobSamples.Read(reader, 0, length));
        var random = new Random(length);
        for (var i = 0; i < 20 && length > 0; i++)
        {
            var offset = random.Next(length);
            var count = 1 + random.Next(length - offset);
            Assert.Equal(bytes[offset..(offset + count)], BlobSamples.Read(reader, offset, count));
        }
    }

    [Fact]
    public void A_short_range_reads_one_block()
    {
        var read = 0;
        var files = new HookedFileSystem(PosixFileSystem.Instance);
        using var blobs = BlobSamples.Files(_directory.Path, files);
        var blob = BlobSamples.Write(blobs, BlobSamples.Bytes(1_000_000));
        using var reader = blobs.Open(BlobSamples.Shard, BlobSamples.Key, blob);
        files.Before = (call, _) => read += call == FileCall.Read ? 1 : 0;
        Assert.Equal(65_536 - 10, reader.Read((5 * 65_536) + 10, 100).Length);
        Assert.Equal(1, read);
    }

    [Fact]
    public void Every_flipped_bit_of_a_file_is_found_and_costs_its_block_alone()
    {
        using var blobs = BlobSamples.Files(_directory.Path);
        var bytes = BlobSamples.Bytes(300);
        var blob = BlobSamples.Write(blobs, bytes);
        var path = blobs.PathOf(BlobSamples.Shard, blob.Id);
        var file = File.ReadAllBytes(path);
        for (var bit = 0; bit < file.Length * 8; bit++)
        {
            var damaged = (byte[])file.Clone();
            damaged[bit / 8] ^= (byte)(1 << (bit % 8));
            File.WriteAllBytes(path, damaged);
            Assert.Throws<CorruptDataException>(() => ReadAll(blobs, blob));
        }
    }

    [Theory]
    [InlineData(-1)]
    [InlineData(1)]
    [InlineData(-65_540)]
    public void A_file_of_another_length_is_refused(int more)
    {
        using var blobs = BlobSamples.Files(_directory.Path);
        var blob = BlobSamples.Write(blobs, BlobSamples.Bytes(200_000));
        using (var file = File.OpenWrite(blobs.PathOf(BlobSamples.Shard, blob.Id))) file.SetLength(file.Length + more);
        Assert.Throws<CorruptDataException>(() => ReadAll(blobs, blob));
    }

    [Fact]
    public void Blocks_that_changed_places_and_blobs_of_others_are_damage()
    {
        using var blobs = BlobSamples.Files(_directory.Path);
        var (one, two) = (BlobSamples.Write(blobs, BlobSamples.Bytes(200_000)), BlobSamples.Write(blobs, BlobSamples.Bytes(200_000)));
        var path = blobs.PathOf(BlobSamples.Shard, one.Id);
        Assert.Throws<CorruptDataException>(() => blobs.Open(BlobSamples.Shard, new EntityKey("docs", "b"), one));
        var original = File.ReadAllBytes(path);
        var swapped = (byte[])original.Clone();
        original.AsSpan(512, 65_540).CopyTo(swapped.AsSpan(512 + 65_540));
        original.AsSpan(512 + 65_540, 65_540).CopyTo(swapped.AsSpan(512));
        File.WriteAllBytes(path, swapped);
        Assert.Throws<CorruptDataException>(() => ReadAll(blobs, one));
        // Equal content, but a block of another blob.
        var other = File.ReadAllBytes(blobs.PathOf(BlobSamples.Shard, two.Id));
        var mixed = (byte[])original.Clone();
        other.AsSpan(512, 65_540).CopyTo(mixed.AsSpan(512));
        File.WriteAllBytes(path, mixed);
        Assert.Throws<CorruptDataException>(() => ReadAll(blobs, one));
        File.Copy(blobs.PathOf(BlobSamples.Shard, two.Id), path, overwrite: true);
        Assert.Throws<CorruptDataException>(() => ReadAll(blobs, one));
        File.Delete(path);
        Assert.Throws<CorruptDataException>(() => ReadAll(blobs, one));
        Assert.Equal(BlobSamples.Bytes(200_000), ReadAll(blobs, two));
    }

    [Theory]
    [InlineData(28)]
    [InlineData(5)]
    public void A_write_that_fails_leaves_no_file(int errno)
    {
        var files = new HookedFileSystem(PosixFileSystem.Instance);
        using var blobs = BlobSamples.Files(_directory.Path, files);
        for (var failing = 1; failing < 20; failing++)
        {
            var (writes, failed) = (0, false);
            files.Before = (call, path) =>
            {
                if (call is not (FileCall.Write or FileCall.SyncData) || ++writes != failing) return;
                failed = true;
                throw HookedFileSystem.Failure(path, errno);
            };
            try
            {
                _ = BlobSamples.Write(blobs, BlobSamples.Bytes(1_000_000));
            }
            catch (StoreIoException)
            {
                Assert.True(failed);
            }

            Assert.Equal(["lock"], UploadNames());
            if (!failed) return;
            Assert.Empty(blobs.List(BlobSamples.Shard));
        }

        Assert.Fail("no write went through");
    }

    [Fact]
    public void A_blob_is_synced_before_it_has_its_name_and_its_name_before_it_is_told()
    {
        var calls = new List<(FileCall Call, string Path)>();
        var files = new HookedFileSystem(PosixFileSystem.Instance) { Before = (call, path) => calls.Add((call, path)) };
        using var blobs = BlobSamples.Files(_directory.Path, files);
        var blob = BlobSamples.Write(blobs, BlobSamples.Bytes(40_000_000));
        var path = blobs.PathOf(BlobSamples.Shard, blob.Id);
        int Last(FileCall call, string? at = null) => calls.FindLastIndex(made => made.Call == call && (at is null || made.Path == at));
        Assert.True(Last(FileCall.Write) < Last(FileCall.SyncData), "the last write is synced");
        Assert.True(Last(FileCall.SyncData) < Last(FileCall.Link, path), "the sync comes before the name");
        Assert.True(Last(FileCall.Link, path) < Last(FileCall.SyncDirectory, Path.GetDirectoryName(path)), "the name is synced");
        Assert.Equal(3, calls.Count(made => made.Call == FileCall.SyncData));
    }

    [Fact]
    public void Published_again_under_another_owner_it_has_a_name_for_each()
    {
        var epoch = new Epoch(4);
        using var blobs = BlobSamples.Files(_directory.Path, newestEpoch: _ => epoch);
        var bytes = BlobSamples.Bytes(100_000);
        using var upload = blobs.Begin(BlobSamples.Shard, BlobSamples.Key);
        BlobSamples.Take(upload, bytes);
        upload.Finish();
        var first = upload.Publish();
        Assert.Equal(first, upload.Publish());
        epoch = epoch.Next;
        var second = upload.Publish();
        Assert.Equal(new BlobId(epoch, first.Id.Value), second.Id);
        blobs.Delete(BlobSamples.Shard, first.Id);
        Assert.Equal(bytes, ReadAll(blobs, second));
    }

    [Fact]
    public void What_an_ended_process_was_writing_goes_and_what_a_living_one_writes_stays()
    {
        using var living = BlobSamples.Files(_directory.Path);
        using var upload = living.Begin(BlobSamples.Shard, BlobSamples.Key);
        // Its lock is free from here on, as after the end of a process.
        using var dead = new BlobFiles(PosixFileSystem.Instance, _ => _directory.File("x"), _directory.File("uploads"), _ => default, () => 77);
        using var left = dead.Begin(BlobSamples.Shard, BlobSamples.Key);
        dead.Dispose();
        Assert.Equal(2, Directory.GetDirectories(_directory.File("uploads")).Length);
        living.DeleteDeadUploads();
        Assert.Single(Directory.GetDirectories(_directory.File("uploads")));
        BlobSamples.Take(upload, BlobSamples.Bytes(10));
        upload.Finish();
        Assert.Equal(10, ReadAll(living, upload.Publish()).Length);
    }

    [Fact]
    public void The_blobs_of_a_purged_entity_go_and_those_of_others_stay()
    {
        using var blobs = BlobSamples.Files(_directory.Path);
        for (var i = 0; i < 3; i++) _ = BlobSamples.Write(blobs, BlobSamples.Bytes(10));
        var other = BlobSamples.Write(blobs, BlobSamples.Bytes(10), key: new EntityKey("docs", "b"));
        Assert.Equal(3, blobs.DeleteOf(BlobSamples.Shard, new HashSet<EntityKey> { BlobSamples.Key }));
        Assert.Equal([other.Id], blobs.List(BlobSamples.Shard));
        Assert.Equal(0, blobs.DeleteOf(BlobSamples.Shard, new HashSet<EntityKey> { BlobSamples.Key }));
    }

    /// <summary>Layout of docs/format/blobs.md.</summary>
    [Fact]
    public void A_file_has_the_bytes_that_the_format_says()
    {
        using var blobs = new BlobFiles(PosixFileSystem.Instance, _ => _directory.File("b"), _directory.File("u"), _ => new Epoch(5), () => 9);
        var blob = BlobSamples.Write(blobs, [0xAB, 0xCD], key: new EntityKey("d", "k"));
        var path = blobs.PathOf(BlobSamples.Shard, blob.Id);
        Assert.Equal("5-00000000000000000000000000000009.blob", Path.GetFileName(path));
        var bytes = Convert.ToHexString(File.ReadAllBytes(path));
        Assert.Equal(2 * (512 + 2 + 4 + 64), bytes.Length);
        Assert.Equal("4541424C4F42303101000000" + "4C10FAE3" + "09000000000000000000000000000000" + "0300" + "64006B", bytes[..74]);
        Assert.Equal(new string('0', 1024 - 74), bytes[74..1024]);
        Assert.Equal("ABCD" + "DD13BEC4", bytes[1024..1036]);
        var hash = new byte[16];
        BinaryPrimitives.WriteUInt128LittleEndian(hash, XxHash128.HashToUInt128([0xAB, 0xCD]));
        var footer = "4541424C46545231" + "0200000000000000" + Convert.ToHexString(hash) + "09000000000000000000000000000000" + "000000000000000000000000";
        var checksum = new byte[4];
        BinaryPrimitives.WriteUInt32LittleEndian(checksum, Crc32C.Compute(Convert.FromHexString(footer)));
        Assert.Equal(footer + Convert.ToHexString(checksum), bytes[1036..]);
    }

    private string[] UploadNames() => [.. Directory.GetFiles(_directory.File("uploads"), "*", SearchOption.AllDirectories).Select(path => Path.GetFileName(path)!)];

    private static byte[] ReadAll(BlobFiles blobs, BlobReference blob)
    {
        using var reader = blobs.Open(BlobSamples.Shard, BlobSamples.Key, blob);
        return BlobSamples.Read(reader, 0, blob.Length);
    }
}
