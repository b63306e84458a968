using System.Buffers.Binary;
using EntityActors.Storage.Format;
using EntityActors.Storage.Io;
using EntityActors.Storage.Model;

namespace EntityActors.Storage.CommitLog;

/// <summary>The process's clock, valid only below a time that is reserved on disk, so that a successor can start above it.</summary>
/// <remarks>
/// Two slots of one sector each are written in turn: tearing one leaves the other. A slot also says up to where the log beside it is
/// synced, so that the loss of the log's last bytes is noticed even when no record behind them tells, and from where on its files may be
/// missing, so that the loss of its first ones is. It names its log: after a power cut the sectors of an unsynced file may be those of
/// another log's clock, deleted before. Thread-safe.
/// </remarks>
public sealed class NodeClock : IDisposable
{
    private const ulong Magic = 0x33_30_4B_43_54_43_41_45; // "EACTCK03"
    private const int SlotBytes = LogLayout.SectorBytes;
    private const int LogOffset = 8;
    private const int ReservedOffset = 16;
    private const int SyncedOffset = 24;
    private const int FreedOffset = 32;
    private const int ChecksumOffset = 40;
    private const int UsedBytes = 44;

    /// <summary>Room above a time that this machine's clock has not come to, a predecessor's reservation for one: millions of stamps.</summary>
    private static readonly TimeSpan StampMargin = TimeSpan.FromMilliseconds(10);

    private readonly IFileSystem _files;
    private readonly TimeProvider _time;
    private readonly TimeSpan _reservation;
    private readonly long _startedAt;
    private readonly Lock _renewal = new();
    private IStoreFile _file;
    private LogId _log;
    private Func<long> _synced;
    private long _reserved;
    private long _freed;
    private long _last;
    private long _answered;
    private int _slot;
    private bool _disposed;

    /// <param name="directory">Directory of the process's log.</param>
    /// <param name="synced">Position up to which that log is synced.</param>
    internal NodeClock(IFileSystem files, string directory, Func<long> synced, CommitLogOptions options, TimeProvider time, Timestamp floor)
    {
        (_files, _time, _reservation, Floor, _startedAt) = (files, time, options.ClockReservation, floor, time.GetTimestamp());
        _last = floor.Nanoseconds;
        (_synced, _log) = (synced, LogOf(directory));
        _file = CreateFile(directory);
    }

    /// <summary>No time at or past this one is given out.</summary>
    public Timestamp Reserved => new(Volatile.Read(ref _reserved));

    /// <summary>No time before this one is given out.</summary>
    public Timestamp Floor { get; }

    /// <summary>Seconds since the process opened its log, whatever steps the machine's clock makes.</summary>
    public long ElapsedSeconds => (long)_time.GetElapsedTime(_startedAt).TotalSeconds;

    /// <summary>Highest time that a shard of this process answered a read for. It may lie ahead of now, since clocks of nodes differ.</summary>
    public Timestamp Answered => new(Volatile.Read(ref _answered));

    /// <summary>The time now; never before one given out earlier.</summary>
    /// <returns>False while the reservation could not be renewed in time.</returns>
    public bool TryNow(out Timestamp now)
    {
        var wall = Timestamp.FromDateTimeOffset(_time.GetUtcNow()).Nanoseconds;
        now = new Timestamp(Raise(ref _last, wall));
        return now < Reserved;
    }

    /// <summary>A shard is about to answer for this time: when it starts again in this process, it stamps later.</summary>
    /// <remarks>It does not move <see cref="TryNow"/>: readers that ask ahead of now again and again would drive the clock away.</remarks>
    public void Answer(Timestamp time) => Raise(ref _answered, time.Nanoseconds);

    public void Dispose()
    {
        // Under the lock: a renewal in flight would else write to a closed descriptor, which may be another file's by then.
        lock (_renewal)
        {
            _disposed = true;
            _file.Dispose();
        }
    }

    /// <summary>Highest time that any process but this one reserved.</summary>
    internal static Timestamp ReadFloor(IFileSystem files, string data, string ownNode, LogId own)
    {
        var floor = default(Timestamp);
        var nodes = LogLayout.NodesDirectory(data);
        foreach (var node in files.List(nodes))
        {
            foreach (var log in files.List(Path.Combine(nodes, node)))
            {
                if (!LogId.TryParse(log, out var id) || (node == ownNode && id == own)) continue;
                var reserved = ReadReserved(files, Path.Combine(nodes, node, log));
                if (reserved > floor) floor = reserved;
            }
        }

        return floor;
    }

    /// <summary>Highest time that a process reserved, from its log's directory; 0 when it left none.</summary>
    internal static Timestamp ReadReserved(IFileSystem files, string directory) => new(ReadSlots(files, directory, ReservedOffset));

    /// <summary>Position up to which a log was synced when its process last renewed its clock; 0 when that is not known.</summary>
    internal static long ReadSynced(IFileSystem files, string directory) => ReadSlots(files, directory, SyncedOffset);

    /// <summary>Position before which a log's files may be gone, because nobody needs them; null when that is not known.</summary>
    internal static long? ReadFreed(IFileSystem files, string directory) =>
        CountSlots(files, directory).Valid > 0 ? ReadSlots(files, directory, FreedOffset) : null;

    /// <summary>Says of an ended process's log that all of its files may be gone. The caller holds that log's lock.</summary>
    /// <exception cref="StoreIoException">The disk refused; no file may go.</exception>
    internal static void FreeAll(IFileSystem files, string directory)
    {
        if (CountSlots(files, directory).Valid == 0) return;
        var log = LogOf(directory);
        var (reserved, synced) = (ReadReserved(files, directory).Nanoseconds, ReadSynced(files, directory));
        using var file = files.OpenWrite(Path.Combine(directory, LogLayout.ClockFile));
        var slots = new byte[2 * SlotBytes];
        _ = file.Read(0, slots);
        // The one that cannot be read first: tearing the other one would leave none.
        var first = IsValid(slots.AsSpan(0, SlotBytes), log) ? 1 : 0;
        foreach (var slot in (ReadOnlySpan<int>)[first, 1 - first])
        {
            file.Write(slot * SlotBytes, Slot(log, reserved, synced, LogLayout.PositionMax));
            file.SyncData();
        }
    }

    /// <summary>Says that the log's files before a position may be gone, in both slots: whichever of them is read, it tells.</summary>
    /// <returns>False when the clock has gone on to another log, and nothing was said.</returns>
    /// <exception cref="StoreIoException">The disk refused; no file may go.</exception>
    internal bool TryFree(LogId log, long before)
    {
        lock (_renewal)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            if (_log != log) return false;
            _freed = before;
            WriteSlot(0);
            WriteSlot(0);
            return true;
        }
    }

    /// <summary>Reserves on from now. A failure leaves the old reservation, which runs out by itself.</summary>
    /// <exception cref="StoreIoException">The disk refused.</exception>
    internal void Renew()
    {
        lock (_renewal)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            WriteSlot(0);
        }
    }

    /// <summary>Makes sure that this process may stamp above a time that one before it had reserved, and that its successor does.</summary>
    /// <remarks>The clock itself is not put forward: processes that hand shards to each other would drive each other ahead.</remarks>
    /// <exception cref="StoreIoException">The disk refused.</exception>
    internal void ReserveBeyond(Timestamp floor)
    {
        lock (_renewal)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            if (Reserved <= floor) WriteSlot(floor.Plus(StampMargin).Nanoseconds);
        }
    }

    /// <summary>Goes on in the directory of the process's next log: the old one may be deleted like a dead process's.</summary>
    /// <exception cref="StoreIoException">The disk refused; the clock stays where it was.</exception>
    internal void MoveTo(string directory, Func<long> synced)
    {
        lock (_renewal)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            var (file, log, source, slot, freed) = (_file, _log, _synced, _slot, _freed);
            (_synced, _log, _freed) = (synced, LogOf(directory), 0);
            try
            {
                _file = CreateFile(directory);
                file.Dispose();
            }
            catch
            {
                (_file, _log, _synced, _slot, _freed) = (file, log, source, slot, freed);
                throw;
            }
        }
    }

    /// <summary>How many of the two slots can be read, and how many hold other bytes than a slot or zeros.</summary>
    internal static (int Valid, int Damaged) CountSlots(IFileSystem files, string directory)
    {
        try
        {
            using var file = files.OpenRead(Path.Combine(directory, LogLayout.ClockFile));
            var log = LogOf(directory);
            var slots = new byte[2 * SlotBytes];
            var count = file.Read(0, slots);
            var (valid, damaged) = (0, 0);
            for (var offset = 0; offset < slots.Length; offset += SlotBytes)
            {
                var slot = slots.AsSpan(offset, SlotBytes);
                if (IsValid(slot, log)) valid++;
                else if (offset + SlotBytes > count || slot.ContainsAnyExcept((byte)0)) damaged++;
            }

            return (valid, damaged);
        }
        catch (StoreIoException failure) when (failure.IsMissing)
        {
            return (0, 0);
        }
    }

    private static LogId LogOf(string directory) => LogId.TryParse(Path.GetFileName(directory), out var log)
        ? log
        : throw new InvariantViolationException($"{directory} is a log's directory");

    private static bool IsValid(ReadOnlySpan<byte> slot, LogId log) => BinaryPrimitives.ReadUInt64LittleEndian(slot) == Magic
        && BinaryPrimitives.ReadUInt64LittleEndian(slot[LogOffset..]) == log.Value
        && BinaryPrimitives.ReadInt64LittleEndian(slot[SyncedOffset..]) is >= 0 and <= LogLayout.PositionMax
        && BinaryPrimitives.ReadInt64LittleEndian(slot[FreedOffset..]) is >= 0 and <= LogLayout.PositionMax
        && BinaryPrimitives.ReadUInt32LittleEndian(slot[ChecksumOffset..]) == Crc32C.Compute(slot[..ChecksumOffset]);

    private static long ReadSlots(IFileSystem files, string directory, int field)
    {
        var highest = 0L;
        try
        {
            using var file = files.OpenRead(Path.Combine(directory, LogLayout.ClockFile));
            var log = LogOf(directory);
            var slots = new byte[2 * SlotBytes];
            var count = file.Read(0, slots);
            for (var offset = 0; offset + UsedBytes <= count; offset += SlotBytes)
            {
                var slot = slots.AsSpan(offset, UsedBytes);
                if (IsValid(slot, log)) highest = Math.Max(highest, BinaryPrimitives.ReadInt64LittleEndian(slot[field..]));
            }
        }
        catch (StoreIoException failure) when (failure.IsMissing)
        {
            // The process ended before it gave out a time, or its log was deleted since it was listed.
            return 0;
        }

        return highest;
    }

    private static long Raise(ref long target, long value)
    {
        var seen = Volatile.Read(ref target);
        while (value > seen)
        {
            var found = Interlocked.CompareExchange(ref target, value, seen);
            if (found == seen) return value;
            seen = found;
        }

        return seen;
    }

    private IStoreFile CreateFile(string directory)
    {
        var file = _files.Create(Path.Combine(directory, LogLayout.ClockFile));
        try
        {
            // The name first: a time that is given out must not rest on a file that a power cut takes away.
            _files.SyncDirectory(directory);
            file.Write(0, new byte[2 * SlotBytes]);
            (_file, _slot) = (file, 0);
            WriteSlot(0);
            return file;
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    private void WriteSlot(long reservedMin)
    {
        _ = TryNow(out var now);
        // From the machine's clock, not from the time given out: that starts at what others reserved, and processes that start together would
        // each reserve further ahead than the one before.
        var wall = Timestamp.FromDateTimeOffset(_time.GetUtcNow());
        var ahead = Math.Max(wall.Plus(_reservation).Nanoseconds, now.Plus(StampMargin).Nanoseconds);
        var reserved = Math.Max(Math.Max(ahead, reservedMin), Volatile.Read(ref _reserved));
        _file.Write(_slot * SlotBytes, Slot(_log, reserved, _synced(), _freed));
        _file.SyncData();
        _slot = 1 - _slot;
        // Only now: a time is given out when its reservation is durable.
        Volatile.Write(ref _reserved, reserved);
    }

    private static byte[] Slot(LogId log, long reserved, long synced, long freed)
    {
        var slot = new byte[SlotBytes];
        BinaryPrimitives.WriteUInt64LittleEndian(slot, Magic);
        BinaryPrimitives.WriteUInt64LittleEndian(slot.AsSpan(LogOffset), log.Value);
        BinaryPrimitives.WriteInt64LittleEndian(slot.AsSpan(ReservedOffset), reserved);
        BinaryPrimitives.WriteInt64LittleEndian(slot.AsSpan(SyncedOffset), synced);
        BinaryPrimitives.WriteInt64LittleEndian(slot.AsSpan(FreedOffset), freed);
        BinaryPrimitives.WriteUInt32LittleEndian(slot.AsSpan(ChecksumOffset), Crc32C.Compute(slot.AsSpan(0, ChecksumOffset)));
        return slot;
    }
}
