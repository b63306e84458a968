using EntityActors.Chaos.Clients;
using EntityActors.Chaos.Nodes;

namespace EntityActors.Chaos.Feeds;

/// <summary>Follows the feed at any node; when the node goes, or is silent too long, it goes on at another one from its last cursor.</summary>
internal sealed class FeedFollower(string name, IReadOnlyList<IChaosNode> nodes, Random random)
{
    /// <summary>Under load a feed is hardly ever silent; a node that is frozen or cut off is left after this time.</summary>
    private static readonly TimeSpan SilenceMax = TimeSpan.FromSeconds(3);

    private static readonly TimeSpan RetryPause = TimeSpan.FromMilliseconds(100);
    private const int ChangesOfAConnectionMax = 3_000;

    private readonly List<FeedChange> _given = [];

    public string Name => name;

    /// <summary>Times it went to another connection.</summary>
    public int ConnectionCount { get; private set; }

    /// <summary>Everything it was given, in that order.</summary>
    public IReadOnlyList<FeedChange> Given
    {
        get
        {
            lock (_given) return [.. _given];
        }
    }

    public async Task RunAsync(CancellationToken stop)
    {
        string? cursor = null;
        while (!stop.IsCancellationRequested)
        {
            if (nodes[random.Next(nodes.Count)].Connection is not IFeedSource connection)
            {
                await Task.Delay(RetryPause, CancellationToken.None);
                continue;
            }

            ConnectionCount++;
            using var silence = CancellationTokenSource.CreateLinkedTokenSource(stop);
            silence.CancelAfter(SilenceMax);
            var left = random.Next(1, ChangesOfAConnectionMax);
            try
            {
                await foreach (var change in connection.FollowAsync(cursor, silence.Token))
                {
                    lock (_given) _given.Add(change);
                    cursor = change.Cursor;
                    silence.CancelAfter(SilenceMax);
                    if (--left == 0) break;
                }
            }
            catch (Exception cause) when (cause is ConnectionLostException or NotAnsweredException { Status: 429 or >= 500 } or OperationCanceledException)
            {
                await Task.Delay(RetryPause, CancellationToken.None);
            }
        }
    }
}
