using EntityActors.Storage.Model;

namespace EntityActors.Storage.CommitLog;

/// <summary>What a node's log holds and did since the process started.</summary>
/// <param name="Files">Files of this process's current log, the one allocated ahead included.</param>
/// <param name="Bytes">Bytes of these files.</param>
/// <param name="DeadLogs">Logs of dead processes that some shard's headers still need.</param>
/// <param name="PinningShard">Shard whose checkpoint would free the oldest file or dead log; null when none is pinned by a shard of this process.</param>
/// <param name="Groups">Group commits: one write and one sync each.</param>
/// <param name="Records">Records written.</param>
/// <param name="RecordBytes">Bytes of these records with headers, without padding.</param>
/// <param name="SyncTotal">Time spent in syncs of the log.</param>
/// <param name="SyncMax">Longest of them.</param>
public sealed record LogStatistics(int Files, long Bytes, int DeadLogs, ShardId? PinningShard, long Groups, long Records,
    long RecordBytes, TimeSpan SyncTotal, TimeSpan SyncMax);
