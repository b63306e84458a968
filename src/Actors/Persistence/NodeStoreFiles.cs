using System.Collections.Immutable;
using EntityActors.Storage.CommitLog;
using EntityActors.Storage.Model;
using EntityActors.Storage.Shards;

namespace EntityActors.Actors.Persistence;

/// <summary>The files of a node's store as the plugins see them.</summary>
public sealed class NodeStoreFiles(NodeStore store) : IShardFiles
{
    public Task AppendAsync(LogAppend append) => store.Log.AppendAsync(append);

    public Task WhenQuiet(ShardId shard) => store.Log.WhenQuiet(shard);

    public IEnumerable<LogEvent> Read(ShardId shard, SequenceNumber from, SequenceNumber to) => store.Log.Read(shard, from, to);

    public SequenceNumber LastSequence(ShardId shard) => store.Log.LastSequence(shard);

    public ImmutableArray<ShardHeader> Headers(ShardId shard) => store.Headers.List(shard);

    public void CommitHeader(ShardHeader header) => store.Headers.Commit(header);
}
