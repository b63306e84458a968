namespace EntityActors.Chaos.Feeds;

/// <summary>A change as a feed gave it.</summary>
public sealed record FeedChange(string Id, long Revision, long At, long RecordedAt, int Shard, long Sequence, string Cursor);
