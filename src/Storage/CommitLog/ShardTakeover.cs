using EntityActors.Storage.Model;

namespace EntityActors.Storage.CommitLog;

/// <summary>A finished take-over: the new epoch, the last event that counts, and the time no event of this epoch may be before.</summary>
/// <param name="ClockFloor">Highest reservation of the processes that served the shard before; 0 when there was none but this one.</param>
public sealed record ShardTakeover(Epoch Epoch, SequenceNumber LastSequence, Timestamp ClockFloor);
