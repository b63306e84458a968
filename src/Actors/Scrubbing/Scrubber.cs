using Akka.Actor;
using Akka.Event;
using EntityActors.Actors.Protocol;
using EntityActors.Actors.Shards;
using EntityActors.Storage.Integrity;
using EntityActors.Storage.Model;
using EntityActors.Storage.Shards;

namespace EntityActors.Actors.Scrubbing;

/// <summary>Reads, one small step after another, everything that the shards of this node rest on, and has damage mended.</summary>
/// <remarks>
/// Resting --pass due--> Scrubbing --last step--> Mending --last checkpoint--> Resting
///
/// Steps run on the thread of verifications; the rest after each keeps bytes a second and the share of a core below their limits.
/// Damaged segments are written anew within a step; for damaged headers and events of the log their shard is asked for two
/// checkpoints, and for events of its log every shard of the node then starts again.
/// </remarks>
internal sealed class Scrubber : ReceiveActor, IWithTimers
{
    public const string ActorName = "scrubber";

    private const string Timer = "next";

    private readonly NodeStore _store;
    private readonly ScrubberLimits _limits;
    private readonly TimeProvider _time;
    private readonly IActorRef _region;
    private readonly DispatcherWork _work = DispatcherWork.Verification(Context.System);
    private readonly ILoggingAdapter _log = Context.GetLogger();
    private readonly Queue<ShardId> _checkpoints = new();
    private ScrubReport _report = new();
    private bool _isCovered;
    private IEnumerator<long> _steps = Enumerable.Empty<long>().GetEnumerator();

    public Scrubber(NodeStore store, ScrubberLimits limits, TimeProvider time, IActorRef region)
    {
        (_store, _limits, _time, _region) = (store, limits, time, region);
        Rest();
    }

    public ITimerScheduler Timers { get; set; } = null!;

    private sealed record PassDue;

    private sealed record StepDue;

    private sealed record MendingExpired;

    private sealed record StepDone(long Bytes, TimeSpan Taken, bool IsLast) : INoSerializationVerificationNeeded;

    private sealed record StepFailed(Exception Cause) : INoSerializationVerificationNeeded;

    /// <param name="region">Leads to the shards that have to write checkpoints or start again.</param>
    public static Props PropsFor(NodeStore store, ScrubberLimits limits, TimeProvider time, IActorRef region) =>
        Props.Create(() => new Scrubber(store, limits, time, region));

    private void Rest()
    {
        Become(Resting);
        Timers.StartSingleTimer(Timer, new PassDue(), _limits.Interval);
    }

    private void Resting()
    {
        Receive<PassDue>(_ =>
        {
            _report = new ScrubReport();
            _steps = new StoreScrubber(_store, repairs: true).Pass(_report).GetEnumerator();
            Become(Scrubbing);
            Step();
        });
        // Answers that came too late.
        Receive<CheckpointOutcome>(_ => { });
        Receive<ShardFault>(_ => { });
        Receive<ShardState>(_ => { });
    }

    private void Scrubbing()
    {
        Receive<StepDue>(_ => Step());
        Receive<StepDone>(OnStep);
        Receive<StepFailed>(failed =>
        {
            _log.Error(failed.Cause, "a scrub ended early, after {0} bytes", _report.Bytes);
            _steps.Dispose();
            Rest();
        });
        Receive<CheckpointOutcome>(_ => { });
        Receive<ShardFault>(_ => { });
        Receive<ShardState>(_ => { });
    }

    private void Mending()
    {
        Receive<CheckpointOutcome>(OnCheckpoint);
        Receive<ShardFault>(fault =>
        {
            _log.Warning("a checkpoint that a scrub asked for was not made: {0}", fault);
            _isCovered = false;
            _ = _checkpoints.TryDequeue(out var _);
            Mend();
        });
        Receive<ShardState>(_ => { });
        Receive<MendingExpired>(_ =>
        {
            _log.Warning("checkpoints that a scrub asked for are not answered; the next pass asks again");
            Rest();
        });
    }

    private void Step()
    {
        var (steps, bytesMax, time) = (_steps, _limits.StepBytes, _time);
        _ = _work.Run(() =>
        {
            var (start, bytes, isLast) = (time.GetTimestamp(), 0L, false);
            while (bytes < bytesMax && !isLast)
            {
                if (steps.MoveNext()) bytes += steps.Current;
                else isLast = true;
            }

            return new StepDone(bytes, time.GetElapsedTime(start), isLast);
        }).PipeTo(Self, success: done => done, failure: cause => new StepFailed(SupervisionPolicy.Unwrap(cause)));
    }

    private void OnStep(StepDone done)
    {
        if (!done.IsLast)
        {
            Timers.StartSingleTimer(Timer, new StepDue(), _limits.RestAfter(done.Bytes, done.Taken));
            return;
        }

        _steps.Dispose();
        foreach (var finding in _report.Findings)
        {
            if (finding.Result == ScrubResult.Rewritten) _log.Warning("shard {0}: {1}; it was written anew", finding.Shard, finding.Sentence);
        }

        if (_report.Count > 0) _log.Warning("a scrub of {0} bytes found {1} damaged places", _report.Bytes, _report.Count);
        else _log.Info("a scrub of {0} bytes found nothing", _report.Bytes);
        _isCovered = true;
        // One damaged sector may hold events of several shards, and a shard that starts again has nothing but its files.
        var wanting = _report.WantsRestarts ? OwnedShards() : _report.WantsCheckpoints;
        foreach (var shard in wanting)
        {
            for (var round = 1; round <= HeaderStore.RetainedCount; round++) _checkpoints.Enqueue(shard);
        }

        Mend();
    }

    /// <summary>Asks for the next checkpoint; one after another, since one header may still rest on what is damaged.</summary>
    private void Mend()
    {
        if (!_checkpoints.TryPeek(out var next))
        {
            if (_report.WantsRestarts && _isCovered) RestartAll();
            Rest();
            return;
        }

        Become(Mending);
        Timers.StartSingleTimer(Timer, new MendingExpired(), _limits.Interval);
        _region.Tell(new CheckpointShard(next));
    }

    private void OnCheckpoint(CheckpointOutcome outcome)
    {
        if (!_checkpoints.TryPeek(out var asked) || asked != outcome.Shard) return;
        _checkpoints.Dequeue();
        _isCovered &= outcome.Committed;
        if (!outcome.Committed) _log.Warning("a checkpoint of shard {0} that a scrub asked for was not made: {1}", asked, outcome.Detail);
        Mend();
    }

    private void RestartAll()
    {
        foreach (var shard in OwnedShards()) _region.Tell(new RestartShard(shard));
    }

    private IEnumerable<ShardId> OwnedShards() =>
        Enumerable.Range(0, _store.Descriptor.ShardCount).Select(number => new ShardId(number)).Where(_store.Log.Owns);
}
