using EntityActors.Storage.Model;

namespace EntityActors.Actors.Feeds;

/// <summary>A change, or word that the feed has come further without one.</summary>
public sealed class FeedItem
{
    private readonly FeedCursor _cursor;
    private readonly ShardId _shard;
    private readonly Timestamp _position;

    internal FeedItem(FeedCursor cursor, ShardId shard, Change change)
    {
        (_cursor, _shard, _position, Change) = (cursor, shard, change.RecordedAt, change);
    }

    internal FeedItem(FeedCursor cursor)
    {
        _cursor = cursor;
        _shard = cursor.Shards().First();
        _position = cursor.Of(_shard);
    }

    /// <summary>Null at the beginning of a feed, at the end of one that does not follow, and when there was none for a while.</summary>
    public Change? Change { get; }

    /// <summary>Shard of the change; null without one.</summary>
    public ShardId? Shard => Change is null ? null : _shard;

    /// <summary>A feed that starts here gives what comes after this item, once each. Opaque; made anew at each call.</summary>
    public string Cursor() => _cursor.Encode(_shard, _position);
}
