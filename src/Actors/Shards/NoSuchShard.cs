using Akka.Actor;
using EntityActors.Actors.Protocol;
using EntityActors.Storage.Model;

namespace EntityActors.Actors.Shards;

/// <summary>Stands where a client with a wrong number of shards looks for one: nothing is made on disk for it.</summary>
internal sealed class NoSuchShard : ReceiveActor
{
    public NoSuchShard(ShardId shard, StoreDescription store)
    {
        Receive<DrainShard>(_ => Context.Stop(Self));
        Receive<WakeShard>(_ => { });
        Receive<DescribeStore>(_ => Sender.Tell(store));
        Receive<IShardRequest>(_ => Sender.Tell(new ShardFault.InvalidQuery(shard, $"there is no shard {shard.Value}; the store has {store.ShardCount}")));
    }

    public static Props PropsFor(ShardId shard, StoreDescription store) => Props.Create(() => new NoSuchShard(shard, store));
}
