using Akka.Actor;
using EntityActors.Actors.Protocol;
using EntityActors.Storage.Shards;

namespace EntityActors.Actors.Shards;

/// <summary>A shard's actor has replayed everything and serves. To its supervisor only.</summary>
internal sealed record ShardRecovered : INoSerializationVerificationNeeded
{
    public static readonly ShardRecovered Instance = new();
}

/// <summary>A shard's actor is about to stop, and why. To its supervisor only.</summary>
internal sealed record ShardFailing(Exception Cause) : INoSerializationVerificationNeeded;

/// <summary>Checkpoints of this shard fail again and again (or no longer, when the detail is null). To its supervisor, for readiness.</summary>
internal sealed record ShardDegraded(string? Detail) : INoSerializationVerificationNeeded;

/// <summary>A request on its way from the supervisor to the shard's actor, which answers through the ticket.</summary>
internal sealed record AdmittedRequest(IShardRequest Request, Ticket Ticket) : INoSerializationVerificationNeeded;

/// <summary>What one start of a shard's actor is given.</summary>
/// <param name="Store">Opened under an epoch of its own; the actor disposes it.</param>
/// <param name="Restarts">Starts before this one.</param>
internal sealed record ShardStart(ShardStore Store, long Restarts);
