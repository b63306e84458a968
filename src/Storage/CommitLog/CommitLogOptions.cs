namespace EntityActors.Storage.CommitLog;

/// <summary>Limits and periods of one process's commit log.</summary>
public sealed record CommitLogOptions
{
    /// <summary>Bytes of one log file, a multiple of 4096. One more file of this size is always allocated ahead.</summary>
    public int FileBytes { get; init; } = 16 * 1024 * 1024;

    /// <summary>Bytes of records that one write and one sync carry at most; a single larger record goes alone.</summary>
    public int GroupBytesMax { get; init; } = 4 * 1024 * 1024;

    /// <summary>Bytes of one record's body. A record with its header must fit in a file.</summary>
    public int RecordBytesMax { get; init; } = 12 * 1024 * 1024;

    /// <summary>Appends that wait for a group at most; beyond it they fault with <see cref="CommitLogBusyException"/>.</summary>
    public int QueueRecordsMax { get; init; } = 65_536;

    /// <summary>After this time without appends the log says on disk that all of it is synced.</summary>
    public TimeSpan IdleWatermark { get; init; } = TimeSpan.FromMilliseconds(100);

    /// <summary>How far ahead of now the clock is reserved. After a kill no successor gives out an earlier time.</summary>
    public TimeSpan ClockReservation { get; init; } = TimeSpan.FromMilliseconds(400);

    /// <summary>How often the reservation is renewed.</summary>
    public TimeSpan ClockRenewal { get; init; } = TimeSpan.FromMilliseconds(150);

    /// <summary>How often a next file is tried again while the disk is full.</summary>
    public TimeSpan SpareRetry { get; init; } = TimeSpan.FromSeconds(1);

    /// <exception cref="ArgumentException">The limits contradict each other.</exception>
    public void Check()
    {
        if (FileBytes < 2 * LogLayout.SectorBytes || FileBytes % LogLayout.SectorBytes != 0)
            throw new ArgumentException($"FileBytes {FileBytes} is no multiple of {LogLayout.SectorBytes} of at least two");
        if (RecordBytesMax < 1 || LogLayout.GroupBytes(RecordHeader.SizeBytes + (long)RecordBytesMax) > FileBytes)
            throw new ArgumentException($"a record of RecordBytesMax {RecordBytesMax} does not fit in a file of {FileBytes} bytes");
        if (GroupBytesMax < 1) throw new ArgumentException("GroupBytesMax is not positive");
        if (QueueRecordsMax < 1) throw new ArgumentException("QueueRecordsMax is not positive");
        if (ClockRenewal <= TimeSpan.Zero || ClockReservation <= ClockRenewal)
            throw new ArgumentException("ClockReservation must be longer than ClockRenewal");
        if (IdleWatermark <= TimeSpan.Zero || SpareRetry <= TimeSpan.Zero)
            throw new ArgumentException("IdleWatermark and SpareRetry must be positive");
    }
}
