using Akka.Actor;
using Akka.Event;
using EntityActors.Actors.Shards;
using EntityActors.Storage.Shards;

namespace EntityActors.Actors.Contents;

/// <summary>Has blobs that no change names deleted, again and again.</summary>
/// <remarks>Resting --pass due--> Sweeping --done--> Resting</remarks>
internal sealed class BlobSweep : ReceiveActor, IWithTimers
{
    public const string ActorName = "blob-sweep";

    private const string Timer = "next";

    private readonly BlobCollector _collector;
    private readonly TimeSpan _interval;
    private readonly DispatcherWork _work = DispatcherWork.Verification(Context.System);
    private readonly ILoggingAdapter _log = Context.GetLogger();

    public BlobSweep(NodeStore store, ContentLimits limits, TimeProvider time)
    {
        (_collector, _interval) = (new BlobCollector(store, time, limits.UnnamedAge), limits.SweepInterval);
        Become(Resting);
    }

    public ITimerScheduler Timers { get; set; } = null!;

    private sealed record PassDue;

    private sealed record PassDone(int Deleted) : INoSerializationVerificationNeeded;

    private sealed record PassFailed(Exception Cause) : INoSerializationVerificationNeeded;

    public static Props PropsFor(NodeStore store, ContentLimits limits, TimeProvider time) => Props.Create(() => new BlobSweep(store, limits, time));

    protected override void PreStart() => Rest();

    private void Resting() => Receive<PassDue>(_ => Sweep());

    private void Sweeping()
    {
        Receive<PassDone>(done =>
        {
            if (done.Deleted > 0) _log.Info("{0} blobs that no change names were deleted", done.Deleted);
            Rest();
        });
        Receive<PassFailed>(failed =>
        {
            _log.Warning("a look for blobs that no change names ended early: {0}", failed.Cause.Message);
            Rest();
        });
    }

    private void Sweep()
    {
        Become(Sweeping);
        var collector = _collector;
        _ = _work.Run(collector.Run).PipeTo(Self,
            success: deleted => new PassDone(deleted), failure: cause => new PassFailed(SupervisionPolicy.Unwrap(cause)));
    }

    private void Rest()
    {
        Become(Resting);
        Timers.StartSingleTimer(Timer, new PassDue(), _interval);
    }
}
