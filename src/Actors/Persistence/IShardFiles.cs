using System.Collections.Immutable;
using EntityActors.Storage.CommitLog;
using EntityActors.Storage.Model;
using EntityActors.Storage.Shards;

namespace EntityActors.Actors.Persistence;

/// <summary>What the journal and the snapshot store need of a node's store. Thread-safe.</summary>
public interface IShardFiles
{
    /// <summary>Completes once the event is durable and its epoch was still the owner's after that.</summary>
    Task AppendAsync(LogAppend append);

    /// <summary>Completes when no append of this shard is queued or in flight.</summary>
    Task WhenQuiet(ShardId shard);

    /// <summary>Events in order without gaps. Blocks on disk.</summary>
    IEnumerable<LogEvent> Read(ShardId shard, SequenceNumber from, SequenceNumber to);

    /// <summary>Last event in the log, 0 when it holds none of this shard.</summary>
    SequenceNumber LastSequence(ShardId shard);

    /// <summary>The valid headers, newest first. Blocks on disk.</summary>
    ImmutableArray<ShardHeader> Headers(ShardId shard);

    /// <summary>Makes a header durable under a name of its own. Blocks on disk.</summary>
    void CommitHeader(ShardHeader header);
}
