using EntityActors.Storage.Model;

namespace EntityActors.Storage.CommitLog;

/// <summary>The queue of the commit log is full. Nothing was written.</summary>
public sealed class CommitLogBusyException(int queueRecordsMax)
    : StoreException($"{queueRecordsMax} records wait for the commit log already");
