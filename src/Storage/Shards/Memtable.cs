using System.Collections.Concurrent;
using System.Collections.Immutable;
using EntityActors.Storage.Indexes;
using EntityActors.Storage.Model;

namespace EntityActors.Storage.Shards;

/// <summary>Durable changes that are not yet in a segment, with their indexes. One writer, many readers.</summary>
internal sealed class Memtable
{
    private const int ChangeOverheadBytes = 400;

    // A string's header and its places in the change and in the state after it.
    private const int TagOverheadBytes = 40;

    private readonly ConcurrentDictionary<EntityKey, MemoryEntity> _entities = new(concurrencyLevel: 1, capacity: 31);
    private readonly ConcurrentDictionary<uint, EntityKey> _keys = new(concurrencyLevel: 1, capacity: 31);

    private readonly List<uint> _purged = [];

    private long _changeBytes;

    public MemoryTagIndex Tags { get; } = new();

    /// <summary>All changes in the order in which they were recorded. The estimate of a change's overhead holds its place here.</summary>
    public AppendOnlyList<Change> Recorded { get; } = new();

    /// <summary>Estimate of what these changes take in memory.</summary>
    public long EstimatedBytes => _changeBytes + Tags.EstimatedBytes;

    public bool IsEmpty => ChangeCount == 0;

    public SequenceNumber FirstSequence { get; private set; }

    public SequenceNumber LastSequence { get; private set; }

    public long NewEntityCount { get; private set; }

    public long ChangeCount { get; private set; }

    public long TagsAddedCount { get; private set; }

    public long TagsRemovedCount { get; private set; }

    public long EntityCount => _entities.Count;

    /// <summary>Ordinals of the entities that were purged here.</summary>
    public IReadOnlyList<uint> Purged => _purged;

    /// <summary>Event of the last purge here; 0 when there is none.</summary>
    public SequenceNumber LastPurge { get; private set; }

    /// <summary>Serving time of the shard at the first purge or trim here, in seconds; null when there is none.</summary>
    public uint? FirstErasureSeconds { get; private set; }

    /// <summary>The last trim of each dataset that was recorded here.</summary>
    public Dictionary<string, HistoryTrim> Trims { get; } = [];

    /// <summary>Event of the last trim here; 0 when there is none.</summary>
    public SequenceNumber LastTrim { get; private set; }

    public ICollection<MemoryEntity> Entities => _entities.Values;

    public MemoryEntity? Find(EntityKey key) => _entities.GetValueOrDefault(key);

    public EntityKey? KeyOf(uint ordinal) => _keys.TryGetValue(ordinal, out var key) ? key : null;

    /// <param name="entity">The entity's place here, made by <see cref="Add"/> when this is its first change.</param>
    public void Apply(MemoryEntity entity, Change change, EntityHead after)
    {
        var before = change.Revision == 1 ? null : entity.Current;
        // The index first: a reader that finds the entity's new state must find its postings too.
        Tags.Add(before, change);
        entity.Apply(change, after);
        Recorded.Add(change);
        if (FirstSequence.Value == 0) FirstSequence = change.Sequence;
        LastSequence = change.Sequence;
        if (change.Lifecycle == Lifecycle.Purged) Forget(entity, change);
        if (HistoryTrim.Of(change) is { } trim) Take(trim, change);
        Count(change, 1);
        _changeBytes += ChangeOverheadBytes + (change.Content?.InlineBytes ?? 0)
            + ((change.Key.Id.Length + change.Author.Length) * sizeof(char)) + BytesOf(change.Added) + BytesOf(change.Removed);
    }

    public MemoryEntity Add(EntityKey key, uint ordinal, EntityHead? before, RecentCommands recent)
    {
        var entity = new MemoryEntity(before, recent);
        _entities[key] = entity;
        _keys[ordinal] = key;
        return entity;
    }

    /// <summary>Of a purged entity the purge alone goes into a segment, and counts.</summary>
    private void Forget(MemoryEntity entity, Change purge)
    {
        foreach (var change in entity.Changes.Span[..^1]) Count(change, -1);
        _purged.Add(purge.Ordinal);
        LastPurge = purge.Sequence;
        FirstErasureSeconds ??= purge.ElapsedSeconds;
    }

    private void Take(HistoryTrim trim, Change change)
    {
        Trims[trim.Dataset] = trim;
        LastTrim = change.Sequence;
        FirstErasureSeconds ??= change.ElapsedSeconds;
    }

    private void Count(Change change, int sign)
    {
        ChangeCount += sign;
        if (change.Revision == 1) NewEntityCount += sign;
        TagsAddedCount += sign * change.Added.Length;
        TagsRemovedCount += sign * change.Removed.Length;
    }

    private static long BytesOf(ImmutableArray<Tag> tags)
    {
        var bytes = (long)tags.Length * TagOverheadBytes;
        foreach (var tag in tags) bytes += tag.Text.Length * sizeof(char);
        return bytes;
    }
}
