using Akka.Actor;
using EntityActors.Actors.Protocol;
using EntityActors.Storage.Model;

namespace EntityActors.Actors.Transfers;

/// <summary>Stands in front of a shard: takes requests out of their envelopes, has large ones fetched, and puts large answers into envelopes.</summary>
/// <param name="region">Where a request goes once it was fetched; its shard may have moved meanwhile.</param>
internal sealed class ShardDoor(ActorSystem system, ShardId shard, Func<IActorRef> region)
{
    private readonly Lazy<int> _frameBytesMax = new(() => TransferLimits.From(system.Settings.Config).FrameBytesMax);

    /// <param name="replyTo">Whom the shard answers.</param>
    /// <returns>What the shard is given; null when there is nothing for it (yet).</returns>
    public object? Admit(object message, IActorRef sender, out IActorRef replyTo)
    {
        replyTo = sender;
        switch (message)
        {
            case ShardCall { Body: Carried.Elsewhere away } call:
                ContentTransfers.Of(system).Fetch(shard, away, fetched => Deliver(call, fetched, sender));
                return null;
            case ShardCall { Body: Carried.Whole { Message: IShardRequest request } } call:
                if (call.TakesReference) replyTo = new EnvelopeRef(sender, shard);
                return request;
            case ShardCall { Body: Carried.Whole { Message: ShardFault fault } }:
                sender.Tell(fault, ActorRefs.NoSender);
                return null;
            case IShardRequest when sender is IInternalActorRef { IsLocal: false }:
                replyTo = new FrameRef(sender, shard, system, _frameBytesMax.Value);
                return message;
            default:
                return message;
        }
    }

    private void Deliver(ShardCall call, object fetched, IActorRef sender)
    {
        // No other request is large.
        if (fetched is IShardRequest and (ExecuteCommand or ExecuteTransaction) && ((IShardRequest)fetched).Shard == shard)
            region().Tell(call with { Body = new Carried.Whole(fetched) }, sender);
        else if (fetched is ShardFault fault) sender.Tell(fault, ActorRefs.NoSender);
        else sender.Tell(new ShardFault.InvalidQuery(shard, "what was fetched is no command of this shard"), ActorRefs.NoSender);
    }

    /// <summary>An entity without its content is smaller than a frame.</summary>
    private static bool MayBeLarge(object answer) =>
        answer is EntityFound { Entity.Content: not null } or HistoryFound or EntitiesFound or TagsFound or ChangesFound or VerifyOutcome
            or EntitiesSorted or DatasetsFound or RelatedFound;

    /// <summary>An asker who can fetch a large answer.</summary>
    private sealed class EnvelopeRef(IActorRef asker, ShardId shard) : MinimalActorRef
    {
        public override ActorPath Path => asker.Path;

        public override IActorRefProvider Provider => ((IInternalActorRef)asker).Provider;

        protected override void TellInternal(object message, IActorRef sender) =>
            asker.Tell(MayBeLarge(message) ? new ShardAnswer(shard, new Carried.Whole(message)) : message, sender);
    }

    /// <summary>An asker of another node who cannot: an answer that no frame holds would be lost without a word.</summary>
    private sealed class FrameRef(IActorRef asker, ShardId shard, ActorSystem system, int bytesMax) : MinimalActorRef
    {
        public override ActorPath Path => asker.Path;

        public override IActorRefProvider Provider => ((IInternalActorRef)asker).Provider;

        protected override void TellInternal(object message, IActorRef sender) => asker.Tell(Fits(message) ? message : TooLarge(), sender);

        private bool Fits(object message) =>
            !MayBeLarge(message) || system.Serialization.FindSerializerFor(message).ToBinary(message).Length <= bytesMax;

        private ShardFault.InvalidQuery TooLarge() =>
            new(shard, $"the answer has more than {bytesMax} bytes: only a {nameof(ShardCall)} that takes a reference gets it");
    }
}
