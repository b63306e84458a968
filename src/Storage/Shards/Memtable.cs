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
        ChangeCount++;
        if (change.Revision == 1) NewEntityCount++;
        TagsAddedCount += change.Added.Length;
        TagsRemovedCount += change.Removed.Length;
        _changeBytes += ChangeOverheadBytes + (change.Content?.Bytes.Length ?? 0)
            + ((change.Key.Id.Length + change.Author.Length) * sizeof(char)) + BytesOf(change.Added) + BytesOf(change.Removed);
    }

    public MemoryEntity Add(EntityKey key, uint ordinal, EntityHead? before, RecentCommands recent)
    {
        var entity = new MemoryEntity(before, recent);
        _entities[key] = entity;
        _keys[ordinal] = key;
        return entity;
    }

    private static long BytesOf(ImmutableArray<Tag> tags)
    {
        var bytes = (long)tags.Length * TagOverheadBytes;
        foreach (var tag in tags) bytes += tag.Text.Length * sizeof(char);
        return bytes;
    }
}
