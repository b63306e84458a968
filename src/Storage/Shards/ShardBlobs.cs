using EntityActors.Storage.Blobs;
using EntityActors.Storage.Model;

namespace EntityActors.Storage.Shards;

/// <summary>Which blobs one owner of a shard takes in, and which it gives up for ever. The two exclude each other.</summary>
/// <remarks>
/// A change may name a blob of this owner's epoch alone, so nobody else ever takes in what this one gives up. Commands come on the writer's thread,
/// <see cref="TryGiveUp"/> on the collector's. See docs/decisions/0021.
/// </remarks>
internal sealed class ShardBlobs(BlobFiles files, ShardId shard, Epoch epoch)
{
    /// <summary>Blobs of refused commands that are remembered; the rest is found by its age.</summary>
    private const int UnusedCountMax = 10_000;

    private readonly Lock _lock = new();
    private readonly Dictionary<BlobId, int> _inFlight = [];
    private readonly HashSet<BlobId> _givenUp = [];
    private readonly HashSet<BlobId> _unused = [];
    private readonly HashSet<EntityKey> _purged = [];
    private BlobId? _admitted;

    /// <summary>Whether the blob that the command names may be taken in: of this epoch, whole, of this entity, and not given up.</summary>
    /// <returns>Null when it may, or the command names none. Whatever becomes of the command is then told to <see cref="Decided"/>.</returns>
    public Refusal? Admit(EntityCommand command, EntityHead? head)
    {
        if (command.Blob is not { } blob) return null;
        if (blob.Id.Epoch != epoch) return Refuse(head, $"blob {blob.Id} was not written for epoch {epoch}");
        lock (_lock)
        {
            if (_givenUp.Contains(blob.Id)) return Refuse(head, $"blob {blob.Id} was given up");
            _inFlight[blob.Id] = _inFlight.GetValueOrDefault(blob.Id) + 1;
        }

        _admitted = blob.Id;
        try
        {
            using var reader = files.Open(shard, command.Key, blob);
            return null;
        }
        catch (StoreException failure) when (failure is CorruptDataException or StoreIoException)
        {
            return Refuse(head, failure.Message);
        }
    }

    public void Decided(EntityCommand command, PrepareResult result)
    {
        if (command.Blob is not { } blob) return;
        var admitted = _admitted;
        _admitted = null;
        lock (_lock)
        {
            if (admitted is { } id && result is not PrepareResult.Accepted) Leave(id);
            // A duplicate names the blob of the first command, which may be this one: the collector looks.
            if (result is PrepareResult.Refused or PrepareResult.Duplicate && _unused.Count < UnusedCountMax) _unused.Add(blob.Id);
        }
    }

    /// <summary>The change is visible: whoever looks at the shard's history finds what it names.</summary>
    public void Applied(Change change)
    {
        if (change.Content?.Blob is not { } blob) return;
        lock (_lock) Leave(blob.Id);
    }

    /// <summary>Whether a command that named it was not applied; then it need not grow old before it is looked at.</summary>
    public bool IsUnused(BlobId id)
    {
        lock (_lock) return _unused.Contains(id);
    }

    /// <summary>From here on no command that names it is accepted.</summary>
    /// <returns>False when a change that names it may be on its way, or belongs to a later owner.</returns>
    public bool TryGiveUp(BlobId id)
    {
        if (id.Epoch > epoch) return false;
        lock (_lock) return !_inFlight.ContainsKey(id) && _givenUp.Add(id);
    }

    /// <summary>A change names it, or it is gone: nothing need be remembered of it.</summary>
    public void Forget(BlobId id)
    {
        lock (_lock)
        {
            _givenUp.Remove(id);
            _unused.Remove(id);
        }
    }

    /// <summary>A committed checkpoint holds the purge of these entities: whatever was written for them is to go.</summary>
    public void Purge(IEnumerable<EntityKey> keys)
    {
        lock (_lock) _purged.UnionWith(keys);
    }

    /// <summary>Entities whose blobs have to go still.</summary>
    public IReadOnlySet<EntityKey> Purged()
    {
        lock (_lock) return _purged.ToHashSet();
    }

    /// <summary>Nothing on disk is theirs any more. Nothing can become so: a purged entity takes no command.</summary>
    public void Erased(IReadOnlySet<EntityKey> keys)
    {
        lock (_lock) _purged.ExceptWith(keys);
    }

    private void Leave(BlobId id)
    {
        if (!_inFlight.TryGetValue(id, out var count)) return;
        if (count == 1) _inFlight.Remove(id);
        else _inFlight[id] = count - 1;
    }

    private static Refusal Refuse(EntityHead? head, string detail) => new(RefusalCode.BlobNotAccepted, detail, head?.Revision ?? 0);
}
