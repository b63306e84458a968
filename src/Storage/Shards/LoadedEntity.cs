using EntityActors.Storage.Model;

namespace EntityActors.Storage.Shards;

/// <summary>State of a cold entity as the segments hold it, for the shard's writer.</summary>
public sealed class LoadedEntity
{
    internal LoadedEntity(EntityKey key, EntityHead? head, RecentCommands recent)
    {
        (Key, Head, Recent) = (key, head, recent);
    }

    public EntityKey Key { get; }

    internal EntityHead? Head { get; }

    internal RecentCommands Recent { get; }
}
