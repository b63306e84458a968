namespace EntityActors.Actors.Transfers;

/// <summary>What a node holds of large messages now.</summary>
/// <param name="OfferedCount">Messages that wait here to be fetched by others.</param>
/// <param name="FetchCount">Messages that this node fetches, or that wait for their turn.</param>
/// <param name="FetchedBytes">Bytes of the buffers in which they are put together.</param>
public readonly record struct TransferUsage(int OfferedCount, long OfferedBytes, int FetchCount, long FetchedBytes);

/// <summary>Figures of the actor for those outside of it. Thread-safe.</summary>
internal sealed class TransferCounters
{
    private int _count;
    private long _bytes;

    public (int Count, long Bytes) Fetches => (Volatile.Read(ref _count), Volatile.Read(ref _bytes));

    public void Report(int count, long bytes)
    {
        Volatile.Write(ref _count, count);
        Volatile.Write(ref _bytes, bytes);
    }
}
