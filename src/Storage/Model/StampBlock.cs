namespace EntityActors.Storage.Model;

/// <summary>Blocks of 128 ns of recorded time. A transaction's changes lie in one block, and a query's recorded time is the end of one.</summary>
/// <remarks>
/// Recorded times strictly rise within a shard, so the changes of a transaction have different ones. A query's time comes from another shard's
/// clock and could lie between them; moved to the end of its block it cannot.
/// </remarks>
public static class StampBlock
{
    public const int Nanoseconds = 128;

    /// <summary>The first block that begins at this time or later.</summary>
    public static Timestamp BeginAtOrAfter(Timestamp time) => new((time.Nanoseconds + Nanoseconds - 1) & ~(Nanoseconds - 1L));

    /// <summary>The last nanosecond of the block that this time lies in.</summary>
    public static Timestamp EndOf(Timestamp time) => new(time.Nanoseconds | (Nanoseconds - 1L));
}
