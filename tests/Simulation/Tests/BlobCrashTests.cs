using EntityActors.Simulation.Tests.Disk;
using EntityActors.Storage.Blobs;
using EntityActors.Storage.Model;
using Xunit;

namespace EntityActors.Simulation.Tests.Tests;

/// <summary>A power cut at every call of an upload: a blob with a name is whole, and one whose reference was given is there.</summary>
public sealed class BlobCrashTests
{
    private const int Outcomes = 40;
    private static readonly ShardId Shard = new(1);
    private static readonly EntityKey Key = new("docs", "a");

    [Fact]
    public void A_blob_whose_reference_was_given_is_durable_and_none_with_a_name_is_torn()
    {
        var files = new SimulatedFileSystem(DiskState.Empty);
        files.CreateDirectory("/d");
        var before = new List<DiskState>();
        files.BeforeChange = (_, disk) => before.Add(disk);
        var bytes = new byte[400_000];
        new Random(1).NextBytes(bytes);
        BlobReference blob;
        using (var blobs = Open(files))
        using (var upload = blobs.Begin(Shard, Key))
        {
            Take(upload, bytes);
            upload.Finish();
            blob = upload.Publish();
            before.Add(files.State);
        }

        var given = before.Count - 1;
        Assert.True(given > 10, $"{given} calls");
        before.Add(files.State);
        for (var call = 0; call < before.Count; call++)
        {
            for (var outcome = 1; outcome < Outcomes; outcome++)
            {
                var disk = new SimulatedFileSystem(before[call].Cut(CrashChoice.Of(outcome, new Random(outcome))));
                using var blobs = Open(disk);
                var names = blobs.List(Shard).ToList();
                if (call >= given) Assert.True(names.SequenceEqual([blob.Id]), $"call {call}, outcome {outcome}: the blob is gone");
                foreach (var id in names) Assert.True(Read(blobs, blob with { Id = id }).SequenceEqual(bytes), $"call {call}, outcome {outcome}: other bytes");
                // What is left of the upload goes.
                blobs.DeleteDeadUploads();
                Assert.Empty(disk.List("/d/uploads"));
            }
        }
    }

    private static BlobFiles Open(SimulatedFileSystem files)
    {
        var last = (UInt128)0;
        return new BlobFiles(files, shard => $"/d/shards/{shard}/blobs", "/d/uploads", _ => new Epoch(1), () => ++last);
    }

    private static void Take(IBlobUpload upload, ReadOnlySpan<byte> bytes)
    {
        while (!bytes.IsEmpty)
        {
            if (upload.Free.IsEmpty) upload.Flush();
            var count = Math.Min(upload.Free.Length, bytes.Length);
            bytes[..count].CopyTo(upload.Free.Span);
            upload.Advance(count);
            bytes = bytes[count..];
        }
    }

    private static List<byte> Read(BlobFiles blobs, BlobReference blob)
    {
        var found = new List<byte>();
        using var reader = blobs.Open(Shard, Key, blob);
        while (found.Count < blob.Length) found.AddRange(reader.Read(found.Count, blob.Length).Span);
        return found;
    }
}
