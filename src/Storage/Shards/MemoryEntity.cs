using EntityActors.Storage.Model;

namespace EntityActors.Storage.Shards;

/// <summary>Changes of one entity that are in a memtable. One writer, many readers.</summary>
internal sealed class MemoryEntity(EntityHead? before, RecentCommands recent)
{
    /// <summary>A full state is kept after every so many changes, so that a state of the past is at most this many changes away.</summary>
    private const int KeyframeInterval = 64;

    private readonly AppendOnlyList<Change> _changes = new();
    private readonly AppendOnlyList<EntityHead> _keyframes = new();
    private EntityHead? _current = before;

    /// <summary>State before the first change here; null when the entity begins here.</summary>
    public EntityHead? Before { get; } = before;

    /// <summary>For the shard's writer only.</summary>
    public RecentCommands Recent { get; } = recent;

    /// <summary>State after the last change.</summary>
    public EntityHead Current => Volatile.Read(ref _current)!;

    public ReadOnlyMemory<Change> Changes => _changes.Snapshot();

    private long FirstRevision => (Before?.Revision ?? 0) + 1;

    public void Apply(Change change, EntityHead after)
    {
        Invariant.Check(change.Revision == (_current?.Revision ?? 0) + 1, "revisions of an entity have no gaps");
        Invariant.Check(after.Revision == change.Revision, "the state belongs to the change");
        _changes.Add(change);
        if (_changes.Count % KeyframeInterval == 0) _keyframes.Add(after);
        Volatile.Write(ref _current, after);
    }

    /// <summary>State after the last visible change here; null when none of them is visible.</summary>
    public EntityHead? StateAt(AsOf asOf)
    {
        var current = Volatile.Read(ref _current);
        // Null between the moment when the writer makes this place and the one when it applies the first change.
        if (current is null || asOf.Sees(current)) return current;
        var changes = Changes.Span;
        var visible = VisibleCount(changes, asOf);
        if (visible == 0) return null;
        var keyframes = _keyframes.Snapshot().Span;
        var start = Math.Min(visible / KeyframeInterval, keyframes.Length);
        var state = start == 0 ? Before : keyframes[start - 1];
        for (var i = start * KeyframeInterval; i < visible; i++) state = EntityHead.Apply(state, changes[i]);
        return state;
    }

    /// <summary>The change with this revision, or null when it is not here.</summary>
    public Change? Find(long revision)
    {
        var index = revision - FirstRevision;
        var changes = Changes.Span;
        return index >= 0 && index < changes.Length ? changes[(int)index] : null;
    }

    /// <summary>Number of changes that are visible: always a prefix, since both times rise.</summary>
    public static int VisibleCount(ReadOnlySpan<Change> changes, AsOf asOf)
    {
        int low = 0, high = changes.Length;
        while (low < high)
        {
            var middle = (low + high) / 2;
            if (asOf.Sees(changes[middle])) low = middle + 1;
            else high = middle;
        }

        return low;
    }
}
