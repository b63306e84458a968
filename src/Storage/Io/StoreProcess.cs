namespace EntityActors.Storage.Io;

/// <summary>What a store takes from the process it runs in, besides disk and time. A simulation gives its own, so that a run repeats.</summary>
/// <param name="NewGuid">Draws what must differ from all others: ids of logs and of stores.</param>
/// <param name="Id">Number of the process, for people who look at a claim.</param>
/// <param name="HasCommitThread">
/// False: the commit log has no thread of its own and commits when its caller asks it to, or waits for it. Only for callers on one thread.
/// </param>
internal sealed record StoreProcess(Func<Guid> NewGuid, int Id, bool HasCommitThread)
{
    public static readonly StoreProcess Current = new(Guid.NewGuid, Environment.ProcessId, HasCommitThread: true);
}
