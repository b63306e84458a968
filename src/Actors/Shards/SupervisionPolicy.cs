using EntityActors.Storage.CommitLog;
using EntityActors.Storage.Model;
using EntityActors.Storage.Shards;

namespace EntityActors.Actors.Shards;

/// <summary>What to do after a shard's actor failed.</summary>
public abstract record SupervisionDecision
{
    private SupervisionDecision()
    {
    }

    /// <summary>Start it again.</summary>
    public sealed record Retry(TimeSpan Delay, ShardOpening Opening) : SupervisionDecision;

    /// <summary>Serve no more until someone has looked: further attempts would fail in the same way.</summary>
    public sealed record Quarantine(string Reason) : SupervisionDecision;
}

/// <summary>The supervisor's table: cause and number of failures in, decision out. No actor, no clock.</summary>
/// <remarks>
/// <list type="table">
/// <item><term>a newer owner exists</term><description>no failure; claim again after a fixed delay if requests still come</description></item>
/// <item><term>damaged bytes</term><description>one header generation back and a longer replay; then also
/// without the entities whose blocks are lost; after N in a row quarantine</description></item>
/// <item><term>broken invariant, unknown exception</term><description>restart with back-off; after N in a row quarantine</description></item>
/// <item><term>disk error, log failure, disk full, log busy</term><description>restart with back-off for ever: the disk may come back</description></item>
/// </list>
/// </remarks>
/// <param name="random">Spreads restarts, so that shards that failed together do not return together.</param>
public sealed class SupervisionPolicy(ShardLimits limits, Random random)
{
    // 2^20 × any delay is past every sensible maximum and far from overflowing.
    private const int DoublingsMax = 20;

    private int _failures;
    private int _damages;
    private int _defects;

    /// <summary>Failures since the shard was last healthy.</summary>
    public int FailureCount => _failures;

    /// <summary>Whether this failure came from a newer owner and is none of this shard.</summary>
    public static bool IsFenced(Exception cause) => cause is StaleEpochException;

    public SupervisionDecision OnFailure(Exception cause)
    {
        switch (Unwrap(cause))
        {
            case StaleEpochException:
                return new SupervisionDecision.Retry(limits.FencedDelay, ShardOpening.Newest);
            case CorruptDataException or CheckpointInvalidException:
                _failures++;
                _damages++;
                return _damages >= limits.QuarantineFailureCount
                    ? new SupervisionDecision.Quarantine(Unwrap(cause).Message)
                    : new SupervisionDecision.Retry(NextDelay(), Opening);
            case StoreIoException or CommitLogFailedException or StorageFullException or CommitLogBusyException:
                _failures++;
                return new SupervisionDecision.Retry(NextDelay(), Opening);
            default:
                _failures++;
                _defects++;
                return _defects >= limits.QuarantineFailureCount
                    ? new SupervisionDecision.Quarantine(Unwrap(cause).Message)
                    : new SupervisionDecision.Retry(NextDelay(), Opening);
        }
    }

    /// <summary>The shard has served long enough: the next failure is the first of a new row.</summary>
    public void OnHealthy() => _failures = _damages = _defects = 0;

    /// <summary>The cause itself, out of the wrappers that tasks and Akka put around it.</summary>
    public static Exception Unwrap(Exception cause)
    {
        while (cause is not StoreException && cause.InnerException is { } inner) cause = inner;
        return cause;
    }

    // What an earlier header and a longer replay can repair is repaired; only then an entity is given up.
    private ShardOpening Opening => new(Math.Min(_damages, limits.GenerationsBackMax), ToleratesLoss: _damages > limits.GenerationsBackMax);

    private TimeSpan NextDelay()
    {
        var doubled = limits.RestartDelayMin * Math.Pow(2, Math.Min(_failures - 1, DoublingsMax));
        var bounded = doubled < limits.RestartDelayMax ? doubled : limits.RestartDelayMax;
        return bounded * (0.75 + (0.25 * random.NextDouble()));
    }
}
