using Akka.Actor;
using EntityActors.Actors.Protocol;
using EntityActors.Storage.Format;
using EntityActors.Storage.Model;

namespace EntityActors.Actors.Transfers;

/// <summary>Large messages between this actor system and others: what it keeps for them, and what it fetches. Thread-safe.</summary>
/// <remarks>Begins with the first large message, in every actor system that has the protocol's serializer; nobody has to start it.</remarks>
public sealed class ContentTransfers : IExtension
{
    private readonly OfferedMessages _offers;
    private readonly TransferCounters _counters = new();
    private readonly TransferLimits _limits;
    private readonly IActorRef _actor;
    private readonly string _owner;

    private ContentTransfers(ExtendedActorSystem system)
    {
        _limits = TransferLimits.From(system.Settings.Config);
        var time = TimeProvider.System;
        _offers = new OfferedMessages(_limits, time);
        var (offers, limits, packing, counters) = (_offers, _limits, new Packing(system), _counters);
        _actor = system.SystemActorOf(Props.Create(() => new TransferActor(offers, limits, time, packing, counters)), TransferActor.ActorName);
        _owner = _actor.Path.ToSerializationFormatWithAddress(system.Provider.DefaultAddress);
    }

    public TransferUsage Usage
    {
        get
        {
            var (offered, fetched) = (_offers.Usage, _counters.Fetches);
            return new TransferUsage(offered.Count, offered.Bytes, fetched.Count, fetched.Bytes);
        }
    }

    public static ContentTransfers Of(ActorSystem system) => system.WithExtension<ContentTransfers, Starter>();

    /// <returns>Where to fetch the message, or null when there is no room for it.</returns>
    internal Carried.Elsewhere? TryOffer(object message, Carried.Packed packed)
    {
        if (_offers.TryOffer(message, packed.Bytes) is not { } id) return null;
        _actor.Tell(TransferActor.Offered.Instance, ActorRefs.NoSender);
        return new Carried.Elsewhere(_owner, id, packed.Bytes.Length, Crc32C.Compute(packed.Bytes.Span), packed.Kind, packed.Manifest);
    }

    /// <param name="deliver">Given the message, or a <see cref="ShardFault"/>; called once, unless the actor system ends. Must not throw.</param>
    internal void Fetch(ShardId shard, Carried.Elsewhere message, Action<object> deliver) =>
        _actor.Tell(new Fetch(shard, message, deliver), ActorRefs.NoSender);

    /// <returns>The message, or a <see cref="ShardFault"/>.</returns>
    internal async Task<object> FetchAsync(ShardId shard, Carried.Elsewhere message, CancellationToken cancellation)
    {
        var done = new TaskCompletionSource<object>(TaskCreationOptions.RunContinuationsAsynchronously);
        Fetch(shard, message, answer => done.TrySetResult(answer));
        try
        {
            return await done.Task.WaitAsync(_limits.Timeout * 2, cancellation);
        }
        catch (TimeoutException)
        {
            return new ShardFault.Unavailable(shard, "this node stops", IsStorageFull: false, _limits.RetryAfter);
        }
    }

    private sealed class Starter : ExtensionIdProvider<ContentTransfers>
    {
        public override ContentTransfers CreateExtension(ExtendedActorSystem system) => new(system);
    }
}
