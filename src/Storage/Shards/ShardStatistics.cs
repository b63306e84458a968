using EntityActors.Storage.Model;

namespace EntityActors.Storage.Shards;

/// <summary>Numbers of a shard at one moment.</summary>
/// <param name="Sequence">Last event applied.</param>
/// <param name="Generation">Generation of the newest committed header; 0 before the first.</param>
/// <param name="EntityCount">Entities ever created, memtable included.</param>
/// <param name="TagCount">Tags held now, memtable included.</param>
/// <param name="MemtableBytes">Estimated bytes of changes not yet in a segment.</param>
/// <param name="IndexBytes">Memory of the open segments' filters and indexes.</param>
public sealed record ShardStatistics(
    Epoch Epoch, SequenceNumber Sequence, long Generation, SequenceNumber CheckpointedSequence, long EntityCount, long TagCount,
    int SegmentCount, long SegmentBytes, long MemtableBytes, long IndexBytes);
