using EntityActors.Storage.Model;

namespace EntityActors.Actors.Feeds;

/// <summary>Which changes to read, and from where on.</summary>
/// <param name="Since">A cursor, <see cref="Beginning"/> or <see cref="Now"/>. A cursor may be used with another filter than the one it came with.</param>
/// <param name="Shard">This shard alone; null is all of them.</param>
/// <param name="Follow">Go on with what is still to come; otherwise the feed ends when it has given what was there.</param>
public sealed record FeedQuery(string Since, ChangeFilter Filter, ShardId? Shard, bool Follow)
{
    /// <summary>From the first change on.</summary>
    public const string Beginning = "beginning";

    /// <summary>From the next change on.</summary>
    public const string Now = "now";
}
