using EntityActors.Storage.Format;
using EntityActors.Storage.Io;
using EntityActors.Storage.Model;
using EntityActors.Storage.Segments;
using Xunit;

namespace EntityActors.Storage.Tests.Segments;

/// <summary>Writes slices of a history as segment files in a directory of its own, and opens them.</summary>
internal sealed class SegmentFixture : IDisposable
{
    public static readonly SegmentOptions SmallBlocks = new() { BlockBytes = 512 };

    private int _next = 1;

    public string Directory { get; } = System.IO.Directory.CreateTempSubdirectory("segments-").FullName;

    public BlockCache Cache { get; } = new(4 * 1024 * 1024);

    public List<RepairedBlock> Repaired { get; } = [];

    public SegmentInfo Write(IEnumerable<SegmentEntity> entities, SegmentOptions? options = null)
    {
        var id = new SegmentId(new Epoch(3), _next++);
        return SegmentWriter.Write(PosixFileSystem.Instance, PathOf(id), id, new SequenceNumber(0), new SequenceNumber(long.MaxValue),
            entities, options ?? SmallBlocks);
    }

    /// <summary>A segment of the changes recorded from one index up to another.</summary>
    public SegmentInfo Write(History history, int from, int to, SegmentOptions? options = null) =>
        Write(Slice(history, from, to), options);

    public string PathOf(SegmentId id) => Path.Combine(Directory, id.FileName);

    public Segment Open(SegmentInfo info, BlockCache? cache = null) =>
        Segment.Open(PosixFileSystem.Instance, PathOf(info.Id), info, cache ?? Cache, Repaired.Add);

    /// <summary>The whole history in this many segments of random sizes.</summary>
    public SegmentSet Split(History history, int count, Random random)
    {
        var cuts = new SortedSet<int> { history.Recorded.Count };
        while (cuts.Count < Math.Min(count, history.Recorded.Count)) cuts.Add(random.Next(1, history.Recorded.Count));
        var (from, segments) = (0, new List<Segment>());
        foreach (var cut in cuts)
        {
            segments.Add(Open(Write(history, from, cut)));
            from = cut;
        }

        return SegmentSet.Of(segments);
    }

    public static IEnumerable<SegmentEntity> Slice(History history, int from, int to)
    {
        var entities = new SortedDictionary<byte[], (EntityHead? Before, List<Change> Changes)>(
            Comparer<byte[]>.Create((left, right) => left.AsSpan().SequenceCompareTo(right)));
        for (var i = from; i < to; i++)
        {
            var (before, change) = history.Recorded[i];
            var key = change.Key.ToBytes();
            if (!entities.TryGetValue(key, out var entity)) entities[key] = entity = (before, []);
            entity.Changes.Add(change);
        }

        foreach (var (before, changes) in entities.Values)
        {
            var after = before;
            foreach (var change in changes) after = EntityHead.Apply(after, change);
            yield return new SegmentEntity(before, changes, after!);
        }
    }

    public static List<string> Verify(Segment segment)
    {
        var findings = new List<string>();
        segment.Verify(findings.Add);
        return findings;
    }

    public static void SameHead(EntityHead? expected, EntityHead? actual, string context)
    {
        Assert.True((expected is null) == (actual is null), $"{context}: expected {expected}, found {actual}");
        if (expected is null) return;
        Assert.True(expected.Key == actual!.Key && Bytes(expected).AsSpan().SequenceEqual(Bytes(actual)), $"{context}: expected {expected}, found {actual}");
    }

    public static bool Same(Change expected, Change actual)
    {
        var (left, right) = (new ByteWriter(), new ByteWriter());
        ChangeCodec.WriteChange(left, expected);
        ChangeCodec.WriteChange(right, actual);
        return expected.Key == actual.Key && expected.Ordinal == actual.Ordinal && left.Written.SequenceEqual(right.Written);
    }

    public static void SameChanges(IEnumerable<Change> expected, IEnumerable<Change> actual, string context)
    {
        var (left, right) = (expected.ToList(), actual.ToList());
        Assert.True(left.Count == right.Count, $"{context}: expected {left.Count} changes, found {right.Count}");
        for (var i = 0; i < left.Count; i++) Assert.True(Same(left[i], right[i]), $"{context}: change {i} differs");
    }

    public void Dispose() => System.IO.Directory.Delete(Directory, recursive: true);

    private static byte[] Bytes(EntityHead head)
    {
        var writer = new ByteWriter();
        ChangeCodec.WriteHead(writer, head);
        return writer.ToArray();
    }
}
