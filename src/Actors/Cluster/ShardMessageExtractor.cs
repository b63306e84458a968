using System.Globalization;
using Akka.Cluster.Sharding;
using EntityActors.Actors.Protocol;

namespace EntityActors.Actors.Cluster;

/// <summary>One shard of the store is one shard and one entity of the region: its number is both ids.</summary>
public sealed class ShardMessageExtractor : IMessageExtractor
{
    public string? EntityId(object message) =>
        message is IShardRequest request ? request.Shard.Value.ToString(CultureInfo.InvariantCulture) : null;

    public object EntityMessage(object message) => message;

    // The interface still has the overload without an entity id; sharding calls the other one.
    public string? ShardId(object message) => EntityId(message);

    public string ShardId(string entityId, object? messageHint = null) => entityId;
}
