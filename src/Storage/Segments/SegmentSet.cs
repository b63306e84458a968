using System.Collections.Immutable;
using EntityActors.Storage.Model;

namespace EntityActors.Storage.Segments;

/// <summary>The segments of a shard, old to new, as one source of answers. Immutable; thread-safe.</summary>
/// <remarks>
/// The set holds one reference on each of its segments until its own count is 0: the owner's, given back by <see cref="Dispose"/>,
/// and one for each reader between <see cref="TryAcquire"/> and <see cref="Release"/>. So the file of a replaced segment closes
/// after its last reader. Results that are enumerated lazily must be enumerated before the release.
/// All reads throw <see cref="CorruptDataException"/> on damage that parity cannot rebuild.
/// </remarks>
public sealed class SegmentSet : IDisposable
{
    /// <summary>No segments. Never closes.</summary>
    public static readonly SegmentSet Empty = new([]);

    private int _references = 1;

    private SegmentSet(ImmutableArray<Segment> segments) => Segments = segments;

    public ImmutableArray<Segment> Segments { get; }

    /// <summary>A set that takes over the opener's reference of each segment.</summary>
    public static SegmentSet Of(IEnumerable<Segment> oldestFirst) => new([.. oldestFirst]);

    /// <summary>A new set; the segments that stay are shared, and this set still has to be disposed by its owner.</summary>
    /// <param name="removed">A run of neighbours, or none.</param>
    /// <param name="added">Takes the place of the run, or comes last; its opener's reference goes to the new set.</param>
    public SegmentSet Replace(IReadOnlyList<SegmentId> removed, Segment? added)
    {
        var start = Segments.Length;
        for (var i = 0; i < Segments.Length && removed.Count > 0; i++)
        {
            if (Segments[i].Info.Id != removed[0]) continue;
            start = i;
            break;
        }

        Invariant.Check(start + removed.Count <= Segments.Length, "segments to remove must be in the set");
        for (var i = 0; i < removed.Count; i++)
            Invariant.Check(Segments[start + i].Info.Id == removed[i], "segments to remove must be neighbours");
        var result = Segments.RemoveRange(start, removed.Count);
        foreach (var shared in result) shared.AddReference();
        return new SegmentSet(added is null ? result : result.Insert(start, added));
    }

    /// <returns>False when the set is closed already; take the current one instead.</returns>
    public bool TryAcquire()
    {
        if (Segments.IsEmpty) return true;
        var count = Volatile.Read(ref _references);
        while (count > 0)
        {
            var seen = Interlocked.CompareExchange(ref _references, count + 1, count);
            if (seen == count) return true;
            count = seen;
        }

        return false;
    }

    /// <summary>Ends what <see cref="TryAcquire"/> began.</summary>
    public void Release()
    {
        if (Segments.IsEmpty) return;
        var left = Interlocked.Decrement(ref _references);
        Invariant.Check(left >= 0, "a segment set is released once for each acquisition");
        if (left > 0) return;
        foreach (var segment in Segments) segment.Dispose();
    }

    /// <summary>Gives back the owner's reference; to be called once.</summary>
    public void Dispose() => Release();

    /// <summary>Looks only at memory. False: there is certainly no such entity here.</summary>
    public bool MightContain(EntityKey key)
    {
        var hash = BloomFilter.HashOf(key.ToBytes());
        foreach (var segment in Segments)
        {
            if (segment.MightContain(hash)) return true;
        }

        return false;
    }

    /// <summary>Newest state, or null when the entity is not here.</summary>
    public EntityHead? FindHead(EntityKey key)
    {
        var bytes = key.ToBytes();
        var hash = BloomFilter.HashOf(bytes);
        for (var i = Segments.Length - 1; i >= 0; i--)
        {
            if (Segments[i].MightContain(hash) && Segments[i].Rows.FindHead(key, bytes) is { } head) return head;
        }

        return null;
    }

    /// <summary>State after the last change that the read sees; null when it sees none here.</summary>
    public EntityHead? FindState(EntityKey key, AsOf asOf)
    {
        var bytes = key.ToBytes();
        var hash = BloomFilter.HashOf(bytes);
        for (var i = Segments.Length - 1; i >= 0; i--)
        {
            if (!Segments[i].MightContain(hash)) continue;
            if (Segments[i].Rows.FindState(key, bytes, asOf) is { } state) return state;
            if (Segments[i].Rows.IsTrimmed(bytes)) return null;
        }

        return null;
    }

    /// <summary>Revision of the last change that the read sees; 0 when it sees none here.</summary>
    public long FindRevision(EntityKey key, AsOf asOf)
    {
        var bytes = key.ToBytes();
        var hash = BloomFilter.HashOf(bytes);
        for (var i = Segments.Length - 1; i >= 0; i--)
        {
            if (!Segments[i].MightContain(hash)) continue;
            var revision = Segments[i].Rows.FindRevision(bytes, asOf);
            if (revision > 0) return revision;
            if (Segments[i].Rows.IsTrimmed(bytes)) return 0;
        }

        return 0;
    }

    /// <summary>Changes from one revision to another, both included, ascending, lazily; those that are not here are left out.</summary>
    public IEnumerable<Change> ReadChanges(EntityKey key, long fromRevision, long toRevision)
    {
        var bytes = key.ToBytes();
        var hash = BloomFilter.HashOf(bytes);
        var last = 0L;
        for (var i = BeginOf(bytes, hash); i < Segments.Length; i++)
        {
            var segment = Segments[i];
            if (!segment.MightContain(hash)) continue;
            foreach (var change in segment.Rows.ReadChanges(key, bytes, Math.Max(1, fromRevision), toRevision))
            {
                if (last != 0 && change.Revision != last + 1) throw Gap(segment, key, last + 1, change.Revision);
                last = change.Revision;
                yield return change;
            }
        }
    }

    /// <summary>Changes from this revision down to the first one, lazily.</summary>
    public IEnumerable<Change> ReadChangesBackward(EntityKey key, long fromRevision)
    {
        var bytes = key.ToBytes();
        var hash = BloomFilter.HashOf(bytes);
        var last = 0L;
        for (var i = Segments.Length - 1; i >= 0; i--)
        {
            if (!Segments[i].MightContain(hash)) continue;
            foreach (var change in Segments[i].Rows.ReadChangesBackward(key, bytes, fromRevision))
            {
                if (last != 0 && change.Revision != last - 1) throw Gap(Segments[i], key, last - 1, change.Revision);
                last = change.Revision;
                yield return change;
                // What was before it may be gone from some segments and not from others.
                if (change.Lifecycle == Lifecycle.Purged || change.IsBase) yield break;
            }
        }
    }

    /// <summary>Revision of the base that the entity's history begins with; 0 when nothing of it was trimmed from here.</summary>
    public long FindBaseRevision(EntityKey key)
    {
        var bytes = key.ToBytes();
        var hash = BloomFilter.HashOf(bytes);
        for (var i = Segments.Length - 1; i >= 0; i--)
        {
            if (Segments[i].MightContain(hash) && Segments[i].Rows.FindBaseRevision(bytes) is > 0 and var revision) return revision;
        }

        return 0;
    }

    /// <summary>Content set by this revision; null when that change is not here or did not set any.</summary>
    public Content? ReadContent(EntityKey key, long contentRevision)
    {
        if (contentRevision < 1) return null;
        var bytes = key.ToBytes();
        var hash = BloomFilter.HashOf(bytes);
        for (var i = Segments.Length - 1; i >= 0; i--)
        {
            if (!Segments[i].MightContain(hash)) continue;
            if (Segments[i].Rows.FindChange(key, bytes, contentRevision) is { } change) return change.Content;
            // The change that set it was trimmed; the base has what it set.
            if (Segments[i].Rows.FindBase(key, bytes) is { } first) return first.ContentRevision == contentRevision ? first.Content : null;
        }

        return null;
    }

    /// <summary>Newest state of the entity with this ordinal, or null when it is not here.</summary>
    public EntityHead? FindHeadByOrdinal(uint ordinal)
    {
        for (var i = Segments.Length - 1; i >= 0; i--)
        {
            if (Segments[i].Rows.FindHeadByOrdinal(ordinal) is { } head) return head;
        }

        return null;
    }

    /// <summary>Index of the segment that the entity's history begins in: what older ones have of it was trimmed.</summary>
    private int BeginOf(byte[] key, ulong hash)
    {
        for (var i = Segments.Length - 1; i > 0; i--)
        {
            if (Segments[i].MightContain(hash) && Segments[i].Rows.IsTrimmed(key)) return i;
        }

        return 0;
    }

    private static CorruptDataException Gap(Segment segment, EntityKey key, long expected, long found) =>
        new(segment.Path, 0, $"revision {expected} of {key}", $"revision {found}");
}
