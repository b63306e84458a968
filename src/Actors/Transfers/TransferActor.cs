using Akka.Actor;
using EntityActors.Actors.Protocol;
using EntityActors.Storage.Format;
using EntityActors.Storage.Model;

namespace EntityActors.Actors.Transfers;

/// <summary>Gives out what this node keeps for others, and fetches what others keep for it.</summary>
/// <remarks>
/// The sender of a large message keeps its bytes (<see cref="OfferedMessages"/>) and sends a reference. The receiver's node asks for one window of
/// chunks after the other and puts them together; the last chunk ends the offer. Chunks arrive in order or not at all, so anything but the chunk that
/// is due, a gap, another checksum or a stop ends the fetch with a typed fault: nothing was applied, and whoever asked sends it again.
/// What is fetched from one node goes in the order of arrival within one window, so that small messages between the same two nodes find the
/// connection nearly free. A buffer is made when a fetch begins, not while it waits; all buffers together are bounded.
/// </remarks>
internal sealed class TransferActor : ReceiveActor, IWithTimers
{
    public const string ActorName = "entityactors-transfers";

    private const string CheckTimer = "check";
    private static readonly TimeSpan CheckInterval = TimeSpan.FromMilliseconds(500);

    private readonly OfferedMessages _offers;
    private readonly TransferLimits _limits;
    private readonly TimeProvider _time;
    private readonly Packing _packing;
    private readonly TransferCounters _counters;
    private readonly Dictionary<UInt128, RunningFetch> _fetches = [];
    private readonly Dictionary<string, SendingNode> _senders = new(StringComparer.Ordinal);
    private long _bytes;

    public TransferActor(OfferedMessages offers, TransferLimits limits, TimeProvider time, Packing packing, TransferCounters counters)
    {
        (_offers, _limits, _time, _packing, _counters) = (offers, limits, time, packing, counters);
        Receive<FetchChunk>(OnFetchChunk);
        Receive<TransferChunk>(OnChunk);
        Receive<TransferGone>(gone => EndIfFrom(gone.Id, "its sender does not keep it any more"));
        Receive<Fetch>(OnFetch);
        Receive<Offered>(_ => StartTimer());
        Receive<CheckDue>(_ => Check());
    }

    public ITimerScheduler Timers { get; set; } = null!;

    /// <summary>Something was offered, which may have to be dropped later.</summary>
    public sealed record Offered : INoSerializationVerificationNeeded
    {
        public static readonly Offered Instance = new();
    }

    private sealed record CheckDue;

    protected override void PostStop()
    {
        foreach (var fetch in _fetches.Values.ToList()) End(fetch, Failed(fetch.Shard, "this node stops"));
        base.PostStop();
    }

    private void OnFetchChunk(FetchChunk request)
    {
        if (_offers.TryRead(request.Id, request.Offset, request.Length, out var bytes)) Sender.Tell(new TransferChunk(request.Id, request.Offset, bytes));
        else Sender.Tell(new TransferGone(request.Id));
    }

    private void OnFetch(Fetch request)
    {
        var message = request.Message;
        if (_fetches.TryGetValue(message.Id, out var running) && running.Message == message && running.Shard == request.Shard)
        {
            if (running.Waiting.Count < _limits.CountMax) running.Waiting.Add(request.Deliver);
            else request.Deliver(Busy(request.Shard));
            return;
        }

        if (_fetches.Count >= _limits.CountMax)
        {
            request.Deliver(Busy(request.Shard));
            return;
        }

        if (running is not null || message.Length < 1 || message.Length > _limits.MessageBytesMax || !ActorPath.TryParse(message.Owner, out _))
        {
            request.Deliver(Failed(request.Shard, "its reference is not one that a node gives out"));
            return;
        }

        var fetch = new RunningFetch(request.Shard, message, SenderOf(message.Owner), _time.GetTimestamp());
        fetch.Waiting.Add(request.Deliver);
        _fetches.Add(message.Id, fetch);
        fetch.Sender.FetchCount++;
        fetch.Sender.Queue.AddLast(fetch);
        AskFor(fetch.Sender);
        Count();
        StartTimer();
    }

    private SendingNode SenderOf(string path)
    {
        if (_senders.TryGetValue(path, out var known)) return known;
        var sender = new SendingNode(path, ((ExtendedActorSystem)Context.System).Provider.ResolveActorRef(path));
        _senders.Add(path, sender);
        return sender;
    }

    /// <summary>Asks for chunks until the window is full, or there is no room for another message.</summary>
    private void AskFor(SendingNode sender)
    {
        while (sender.Outstanding < _limits.WindowChunks && sender.Queue.First?.Value is { } fetch)
        {
            if (!fetch.IsBegun)
            {
                if (_bytes + fetch.Message.Length > _limits.FetchedBytesMax) return;
                _bytes += fetch.Message.Length;
                fetch.Begin();
            }

            sender.Actor.Tell(fetch.Ask(_limits.ChunkBytes, _time.GetTimestamp()), Self);
            sender.Outstanding++;
            if (fetch.IsAsked) sender.Queue.RemoveFirst();
        }
    }

    private void OnChunk(TransferChunk chunk)
    {
        if (!_fetches.TryGetValue(chunk.Id, out var fetch) || !IsFrom(fetch)) return;
        if (!fetch.TryTake(chunk, _limits.ChunkBytes, _time.GetTimestamp()))
        {
            End(fetch, Failed(fetch.Shard, "a chunk is not the one that is due"));
            return;
        }

        fetch.Sender.Outstanding--;
        if (fetch.IsComplete) End(fetch, Open(fetch));
        else AskFor(fetch.Sender);
    }

    private object Open(RunningFetch fetch)
    {
        if (Crc32C.Compute(fetch.Bytes.Span) != fetch.Message.Checksum) return Failed(fetch.Shard, "its bytes do not have its checksum");
        return _packing.TryOpen(fetch.Message.Kind, fetch.Message.Manifest, fetch.Bytes, out var why) ?? Failed(fetch.Shard, why);
    }

    private void EndIfFrom(UInt128 id, string why)
    {
        if (_fetches.TryGetValue(id, out var fetch) && IsFrom(fetch)) End(fetch, Failed(fetch.Shard, why));
    }

    /// <summary>Only the node that keeps a message has a say in it.</summary>
    private bool IsFrom(RunningFetch fetch) => Sender.Path.Equals(fetch.Sender.Actor.Path);

    private void End(RunningFetch fetch, object result)
    {
        var sender = fetch.Sender;
        _fetches.Remove(fetch.Message.Id);
        sender.Queue.Remove(fetch);
        sender.Outstanding -= fetch.Outstanding;
        if (--sender.FetchCount == 0) _senders.Remove(sender.Path);
        if (fetch.IsBegun) _bytes -= fetch.Message.Length;
        foreach (var deliver in fetch.Waiting) deliver(result);
        // Its room may be what another one waits for.
        foreach (var other in _senders.Values) AskFor(other);
        Count();
    }

    private void StartTimer()
    {
        // Runs only while there is something to end.
        if (!Timers.IsTimerActive(CheckTimer)) Timers.StartPeriodicTimer(CheckTimer, new CheckDue(), CheckInterval);
    }

    private void Check()
    {
        _offers.Expire();
        foreach (var fetch in _fetches.Values.ToList())
        {
            var isStalled = fetch.Outstanding > 0 && _time.GetElapsedTime(fetch.ProgressAt) >= _limits.StallTimeout;
            if (isStalled || _time.GetElapsedTime(fetch.StartedAt) >= _limits.Timeout) End(fetch, Failed(fetch.Shard, "its chunks did not come in time"));
        }

        if (_fetches.Count == 0 && _offers.Usage.Count == 0) Timers.Cancel(CheckTimer);
    }

    private void Count() => _counters.Report(_fetches.Count, _bytes);

    private ShardFault.Busy Busy(ShardId shard) => new(shard, "large messages wait to be fetched", _limits.RetryAfter);

    private ShardFault.Unavailable Failed(ShardId shard, string why) =>
        new(shard, $"a large message could not be fetched: {why}", IsStorageFull: false, _limits.RetryAfter);
}
