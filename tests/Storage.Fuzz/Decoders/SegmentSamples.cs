using EntityActors.Storage.Format;
using EntityActors.Storage.Io;
using EntityActors.Storage.Model;
using EntityActors.Storage.Segments;
using EntityActors.Storage.Tests.Segments;

namespace EntityActors.Storage.Fuzz.Decoders;

/// <summary>Small segment files of random histories, written by the product's own writer.</summary>
internal static class SegmentSamples
{
    public const string Path = "/data/1-1.seg";

    public static readonly SegmentId Id = new(new Epoch(1), 1);

    public static History History(int seed, int steps)
    {
        var history = new History(new Random(seed));
        for (var i = 0; i < steps; i++) history.Step(4);
        return history;
    }

    /// <summary>A file of a few hundred bytes to a few KiB.</summary>
    public static (SegmentInfo Info, byte[] Bytes) Small(int seed = 1, int steps = 8, int blockBytes = 400)
    {
        var files = new MemoryFiles();
        var history = History(seed, steps);
        var info = SegmentWriter.Write(files, Path, Id, new SequenceNumber(0), new SequenceNumber(long.MaxValue),
            SegmentFixture.Slice(history, 0, history.Recorded.Count), new SegmentOptions { BlockBytes = blockBytes });
        return (info, files.BytesOf(Path));
    }

    public static Segment Open(IFileSystem files, SegmentInfo info) => Segment.Open(files, Path, info, new BlockCache(64 * 1024 * 1024));

    /// <summary>Info and file in one input.</summary>
    public static byte[] Join(SegmentInfo info, byte[] file)
    {
        var writer = new ByteWriter();
        info.Write(writer);
        return [.. BitConverter.GetBytes((ushort)writer.Length), .. writer.Written, .. file];
    }

    /// <exception cref="MalformedBytesException">The bytes hold no info.</exception>
    public static (SegmentInfo Info, byte[] File) Split(ReadOnlySpan<byte> bytes)
    {
        var reader = new ByteReader(bytes);
        var infoReader = new ByteReader(reader.Bytes(reader.UInt16()));
        var info = SegmentInfo.Read(ref infoReader);
        return (info, reader.Bytes(reader.Remaining).ToArray());
    }
}
