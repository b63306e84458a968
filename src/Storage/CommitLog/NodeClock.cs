using System.Buffers.Binary;
using EntityActors.Storage.Format;
using EntityActors.Storage.Io;
using EntityActors.Storage.Model;

namespace EntityActors.Storage.CommitLog;

/// <summary>The process's clock, valid only below a time that is reserved on disk, so that a successor can start above it.</summary>
/// <remarks>Two slots of one sector each are written in turn: tearing one leaves the other. Thread-safe.</remarks>
public sealed class NodeClock : IDisposable
{
    private const ulong Magic = 0x31_30_4B_43_54_43_41_45; // "EACTCK01"
    private const int SlotBytes = LogLayout.SectorBytes;

    private readonly IStoreFile _file;
    private readonly TimeProvider _time;
    private readonly TimeSpan _reservation;
    private readonly long _startedAt;
    private readonly Lock _renewal = new();
    private long _reserved;
    private long _answered;
    private long _last;
    private int _slot;

    internal NodeClock(IFileSystem files, string directory, CommitLogOptions options, TimeProvider time, Timestamp floor)
    {
        (_time, _reservation, Floor, _startedAt) = (time, options.ClockReservation, floor, time.GetTimestamp());
        _last = floor.Nanoseconds;
        _file = files.Create(Path.Combine(directory, LogLayout.ClockFile));
        _file.Write(0, new byte[2 * SlotBytes]);
        Renew();
        files.SyncDirectory(directory);
    }

    /// <summary>No time at or past this one is given out.</summary>
    public Timestamp Reserved => new(Volatile.Read(ref _reserved));

    /// <summary>No time before this one is given out.</summary>
    public Timestamp Floor { get; }

    /// <summary>Highest time that a shard of this process answered a read for. It may lie ahead of now, since clocks of nodes differ.</summary>
    public Timestamp Answered => new(Volatile.Read(ref _answered));

    /// <summary>Seconds since the process opened its log, whatever steps the machine's clock makes.</summary>
    public long ElapsedSeconds => (long)_time.GetElapsedTime(_startedAt).TotalSeconds;

    /// <summary>The time now; never before one given out earlier.</summary>
    /// <returns>False while the reservation could not be renewed in time.</returns>
    public bool TryNow(out Timestamp now)
    {
        var wall = Timestamp.FromDateTimeOffset(_time.GetUtcNow()).Nanoseconds;
        var last = Volatile.Read(ref _last);
        while (wall > last)
        {
            var seen = Interlocked.CompareExchange(ref _last, wall, last);
            if (seen == last) break;
            last = seen;
        }

        now = new Timestamp(Math.Max(wall, last));
        return now < Reserved;
    }

    /// <summary>A shard is about to answer for this time: when it starts again in this process, it stamps later.</summary>
    /// <remarks>It does not move <see cref="TryNow"/>: readers that ask ahead of now again and again would drive the clock away.</remarks>
    public void Answer(Timestamp time)
    {
        var answered = Volatile.Read(ref _answered);
        while (time.Nanoseconds > answered)
        {
            var seen = Interlocked.CompareExchange(ref _answered, time.Nanoseconds, answered);
            if (seen == answered) break;
            answered = seen;
        }
    }

    public void Dispose() => _file.Dispose();

    /// <summary>Highest time that a process reserved, from its log's directory; 0 when it left none.</summary>
    internal static Timestamp ReadReserved(IFileSystem files, string directory)
    {
        var path = Path.Combine(directory, LogLayout.ClockFile);
        if (!files.FileExists(path)) return default;
        using var file = files.OpenRead(path);
        var slots = new byte[2 * SlotBytes];
        var count = file.Read(0, slots);
        var reserved = 0L;
        for (var offset = 0; offset + 20 <= count; offset += SlotBytes)
        {
            var slot = slots.AsSpan(offset, 20);
            if (BinaryPrimitives.ReadUInt64LittleEndian(slot) != Magic) continue;
            if (BinaryPrimitives.ReadUInt32LittleEndian(slot[16..]) != Crc32C.Compute(slot[..16])) continue;
            reserved = Math.Max(reserved, BinaryPrimitives.ReadInt64LittleEndian(slot[8..]));
        }

        return new Timestamp(reserved);
    }

    /// <summary>Reserves on from now. A failure leaves the old reservation, which runs out by itself.</summary>
    /// <exception cref="StoreIoException">The disk refused.</exception>
    internal void Renew()
    {
        lock (_renewal)
        {
            _ = TryNow(out var now);
            var reserved = now.Plus(_reservation).Nanoseconds;
            var slot = new byte[SlotBytes];
            BinaryPrimitives.WriteUInt64LittleEndian(slot, Magic);
            BinaryPrimitives.WriteInt64LittleEndian(slot.AsSpan(8), reserved);
            BinaryPrimitives.WriteUInt32LittleEndian(slot.AsSpan(16), Crc32C.Compute(slot.AsSpan(0, 16)));
            _file.Write(_slot * SlotBytes, slot);
            _file.SyncData();
            _slot = 1 - _slot;
            // Only now: a time is given out when its reservation is durable.
            Volatile.Write(ref _reserved, reserved);
        }
    }
}
