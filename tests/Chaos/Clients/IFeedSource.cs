using EntityActors.Chaos.Feeds;

namespace EntityActors.Chaos.Clients;

/// <summary>A connection that also gives the change feed.</summary>
public interface IFeedSource
{
    /// <summary>Every change as it comes, after a cursor or from the first one on. Ends when the node ends it.</summary>
    /// <exception cref="ConnectionLostException">The connection broke.</exception>
    /// <exception cref="NotAnsweredException">The node cannot give it, or not any more.</exception>
    IAsyncEnumerable<FeedChange> FollowAsync(string? cursor, CancellationToken cancellation);
}
