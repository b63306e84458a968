using Akka.Actor;
using EntityActors.Actors.Protocol;

namespace EntityActors.Samples.ActorClient;

/// <summary>How a request ended. Sent to the parent of its <see cref="RequestActor"/>, which then stops.</summary>
public abstract record RequestEnd(IShardRequest Request, int Tries)
{
    /// <summary>With the answer that the protocol has for it. A refusal is an answer, too.</summary>
    public sealed record Answered(IShardRequest Request, int Tries, object Answer) : RequestEnd(Request, Tries);

    /// <summary>It had no effect and may be sent again as it is, later.</summary>
    public sealed record NotApplied(IShardRequest Request, int Tries, string Reason) : RequestEnd(Request, Tries);

    /// <summary>It may have had its effect. Only the same command, sent again under the same id, tells.</summary>
    public sealed record Unknown(IShardRequest Request, int Tries) : RequestEnd(Request, Tries);

    /// <summary>No retry will help: stored bytes are lost, or the request itself is wrong.</summary>
    public sealed record Failed(IShardRequest Request, int Tries, string Reason) : RequestEnd(Request, Tries);
}

/// <summary>One request to one shard, sent until it is answered.</summary>
/// <remarks>
/// Answers do not name the request that they belong to. So each request has an actor of its own: whatever it receives is for it. A write is the
/// same message at every try, command id included; that is all it takes to have one effect.
/// </remarks>
public sealed class RequestActor : ReceiveActor, IWithTimers
{
    private const int TryCountMax = 12;

    private static readonly TimeSpan TryTimeout = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan DelayMax = TimeSpan.FromSeconds(2);

    private readonly IActorRef _region;
    private readonly IShardRequest _request;
    private int _tries;
    private bool _isUnknown;

    public RequestActor(IActorRef region, IShardRequest request)
    {
        (_region, _request) = (region, request);
        Receive<SendDue>(_ => Send());
        Receive<TryOver>(_ => OnSilence());
        Receive<ShardFault.Busy>(fault => Again(fault.RetryAfter, fault.What));
        Receive<ShardFault.Unavailable>(fault => Again(fault.RetryAfter, fault.Reason));
        Receive<ShardFault.OutcomeUnknown>(_ =>
        {
            _isUnknown = true;
            Again(TimeSpan.Zero, "outcome unknown");
        });
        Receive<ShardFault.Corrupted>(fault => End(new RequestEnd.Failed(_request, _tries, fault.Detail)));
        Receive<ShardFault.InvalidQuery>(fault => End(new RequestEnd.Failed(_request, _tries, fault.Detail)));
        ReceiveAny(answer => End(new RequestEnd.Answered(_request, _tries, answer)));
    }

    public ITimerScheduler Timers { get; set; } = null!;

    private sealed record SendDue;

    private sealed record TryOver;

    public static Props PropsFor(IActorRef region, IShardRequest request) => Props.Create(() => new RequestActor(region, request));

    protected override void PreStart() => Send();

    private void Send()
    {
        _tries++;
        _region.Tell(_request);
        Timers.StartSingleTimer(nameof(TryOver), new TryOver(), TryTimeout);
    }

    /// <summary>Lost on its way, or answered and the answer lost: a write may have been applied.</summary>
    private void OnSilence()
    {
        _isUnknown |= _request is ExecuteCommand;
        Again(TimeSpan.Zero, "no answer in time");
    }

    private void Again(TimeSpan wished, string reason)
    {
        Timers.Cancel(nameof(TryOver));
        if (_tries == TryCountMax)
        {
            End(_isUnknown ? new RequestEnd.Unknown(_request, _tries) : new RequestEnd.NotApplied(_request, _tries, reason));
            return;
        }

        // Doubles from 20 ms on: a shard that moves is back in a fraction of a second, one that waits for its disk is not.
        var doubled = TimeSpan.FromMilliseconds(10 << Math.Min(_tries, 10));
        var delay = doubled > wished ? doubled : wished;
        Timers.StartSingleTimer(nameof(SendDue), new SendDue(), delay < DelayMax ? delay : DelayMax);
    }

    private void End(RequestEnd end)
    {
        Context.Parent.Tell(end);
        Context.Stop(Self);
    }
}
