using System.Buffers.Binary;
using EntityActors.Storage.CommitLog;
using EntityActors.Storage.Format;
using EntityActors.Storage.Fuzz.Engine;
using EntityActors.Storage.Model;

namespace EntityActors.Storage.Fuzz.Decoders;

/// <summary>Commit log, claims and clock, in files of memory.</summary>
internal static class LogDecoders
{
    private const string Data = "/data";
    private const int LogBytesMax = 8 * LogLayout.SectorBytes;
    private const int FileBytes = 2 * LogLayout.SectorBytes;
    private const int ClockBytes = 48;
    private const int SlotChecksumOffset = 40;
    private static readonly LogId Log = new(0x1122_3344_5566_7788);
    private static readonly ShardId Shard = new(7);
    private static readonly string Directory = LogLayout.LogDirectory(Data, "node", Log);
    private static readonly string Epochs = LogLayout.EpochDirectory(Data, Shard);

    public static IEnumerable<Decoder> All()
    {
        var scan = new Decoder("log-scan", LogSeeds, Scan);
        yield return scan;
        yield return scan with { Name = "log-scan-sealed", Run = ScanSealed };
        var claim = new Decoder("claim", ClaimSeeds, ReadClaim);
        yield return claim;
        yield return claim.Sealed(Seals.Tail);
        var opened = new Decoder("opened", OpenedSeeds, ReadOpened);
        yield return opened;
        yield return opened.Sealed(Seals.Tail);
        var clock = new Decoder("clock", ClockSeeds, ReadClock);
        yield return clock;
        yield return clock.Sealed(static bytes => SealSlots(bytes, LogLayout.SectorBytes));
    }

    /// <summary>The input is a clock's slot, then groups, each with its length before it. The log is cut into files of two sectors.</summary>
    private static void Scan(byte[] bytes) => Scan(bytes.AsSpan(0, Math.Min(ClockBytes, bytes.Length)).ToArray(), Expand(bytes));

    private static void Scan(byte[] clock, byte[] log)
    {
        var files = new MemoryFiles().With(Path.Combine(Directory, LogLayout.ClockFile), clock);
        for (var start = 0; start < log.Length; start += FileBytes)
            files.With(Path.Combine(Directory, LogLayout.FileName(start)), log.AsSpan(start, Math.Min(FileBytes, log.Length - start)).ToArray());
        using var index = new LogIndex(files, Directory, Log, isOwn: false);
        index.Scan();
        foreach (var damage in index.Damage)
        {
            // Of no bytes where two whole records stand side by side and the second does not name the first: one of them is forged.
            if (damage.To < damage.From) throw new RoundTripException($"damage from {damage.From} to {damage.To}");
            _ = index.PlaceOf(damage.From);
        }

        _ = index.DamageAfter(0);
        _ = index.LastSequences(0, long.MaxValue);
        foreach (var shard in index.Shards)
        {
            foreach (var entry in index.Find(shard, new Epoch(1), 0, long.MaxValue))
            {
                _ = index.ReadBody(entry);
                _ = index.FindLast(shard, entry.Epoch, 0, entry.End);
            }
        }

        index.Scan();
        index.Forget(index.Watermark);
    }

    private static IEnumerable<byte[]> LogSeeds()
    {
        var one = Groups([[1, 2, 3], [4]]);
        var three = Groups([[1, 2, 3], [4]], [[5]], [new byte[100]]);
        yield return [.. Slot(0, 0), .. one[0]];
        yield return [.. Slot(0, 3 * LogLayout.SectorBytes), .. three[0], .. three[1], .. three[2]];
        // A group that was lost between two others, and one that lacks its end.
        yield return [.. Slot(0, 0), .. three[0], 0, 0, .. three[2]];
        yield return [.. Slot(0, 2 * LogLayout.SectorBytes), .. three[0], .. three[1].AsSpan(0, 50)];
    }

    /// <summary>Chained records, those of one group in one sector; each group with its length before it.</summary>
    private static List<byte[]> Groups(params byte[][][] bodies)
    {
        var groups = new List<byte[]>();
        var (sequence, previous) = (0, 0U);
        foreach (var group in bodies)
        {
            var start = (long)groups.Count * LogLayout.SectorBytes;
            var bytes = new byte[LogLayout.SectorBytes];
            var at = 0;
            foreach (var body in group)
            {
                var header = new RecordHeader(body.Length, 0, Log, start + at, start, ++sequence, previous, Shard.Value + (sequence % 2), 1,
                    sequence == 3 ? RecordKind.EventAgain : RecordKind.Event);
                previous = header.Write(bytes.AsSpan(at), body);
                at = (int)(header.End - start);
            }

            groups.Add([.. BitConverter.GetBytes((ushort)at), .. bytes.AsSpan(0, at)]);
        }

        return groups;
    }

    /// <summary>Groups at their sectors; what follows a group is zero.</summary>
    private static byte[] Expand(ReadOnlySpan<byte> input)
    {
        var log = new ByteWriter(4 * LogLayout.SectorBytes);
        for (var at = ClockBytes; at + sizeof(ushort) <= input.Length;)
        {
            var count = Math.Min(Math.Min(BitConverter.ToUInt16(input[at..]), input.Length - at - sizeof(ushort)), LogBytesMax - log.Length);
            log.Bytes(input.Slice(at + sizeof(ushort), count));
            // A group without bytes is a lost one: a sector of zeros.
            log.Zeros(count == 0 ? LogLayout.SectorBytes : (int)LogLayout.AlignUp(log.Length, LogLayout.SectorBytes) - log.Length);
            at += sizeof(ushort) + count;
            if (log.Length >= LogBytesMax) break;
        }

        return log.ToArray();
    }

    /// <summary>Every header that names our log gets its place, the chain, and the checksum of what follows it.</summary>
    private static void ScanSealed(byte[] bytes)
    {
        var clock = SealSlots(bytes, ClockBytes).AsSpan(0, Math.Min(ClockBytes, bytes.Length)).ToArray();
        var log = Expand(bytes);
        var previous = 0U;
        for (var at = 0; at + RecordHeader.SizeBytes <= log.Length;)
        {
            var step = LogLayout.RecordAlignment;
            var rest = log.AsSpan(at);
            if (BinaryPrimitives.ReadUInt64LittleEndian(rest[8..]) == Log.Value)
            {
                BinaryPrimitives.WriteInt64LittleEndian(rest[16..], at);
                if (RecordHeader.TryRead(rest, Log, at, out var header) && header.BodyBytes <= rest.Length - RecordHeader.SizeBytes)
                {
                    // A mutation may still break the chain: one previous checksum in sixteen is left as it is.
                    var record = rest[..(RecordHeader.SizeBytes + header.BodyBytes)];
                    if (header.PreviousChecksum % 16 != 1) BinaryPrimitives.WriteUInt32LittleEndian(record[40..], previous);
                    previous = RecordHeader.ComputeChecksum(record);
                    BinaryPrimitives.WriteUInt32LittleEndian(record[4..], previous);
                    step = (int)LogLayout.RecordBytes(header.BodyBytes);
                }
            }

            at += step;
        }

        Scan(clock, log);
    }

    private static byte[] Slot(long reserved, long synced, long freed = 0)
    {
        var slot = new byte[ClockBytes];
        "EACTCK03"u8.CopyTo(slot);
        BinaryPrimitives.WriteUInt64LittleEndian(slot.AsSpan(8), Log.Value);
        BinaryPrimitives.WriteInt64LittleEndian(slot.AsSpan(16), reserved);
        BinaryPrimitives.WriteInt64LittleEndian(slot.AsSpan(24), synced);
        BinaryPrimitives.WriteInt64LittleEndian(slot.AsSpan(32), freed);
        return SealSlots(slot, ClockBytes);
    }

    private static byte[] SealSlots(byte[] bytes, int slotBytes)
    {
        byte[] right = [.. bytes];
        for (var at = 0; at < 2 * slotBytes && at + ClockBytes <= right.Length && at <= slotBytes; at += slotBytes)
        {
            BinaryPrimitives.WriteUInt32LittleEndian(right.AsSpan(at + SlotChecksumOffset), Crc32C.Compute(right.AsSpan(at, SlotChecksumOffset)));
            if (slotBytes == ClockBytes) break;
        }

        return right;
    }

    private static IEnumerable<byte[]> ClaimSeeds()
    {
        var files = new MemoryFiles();
        new EpochClaims(files, Data, 4711).Claim(Shard, "node", Log, 4096);
        yield return files.BytesOf(Path.Combine(Epochs, "1"));
    }

    private static void ReadClaim(byte[] bytes)
    {
        var found = new EpochClaims(new MemoryFiles().With(Path.Combine(Epochs, "1"), bytes), Data).Read(Shard, new Epoch(1));
        var files = new MemoryFiles();
        var claims = new EpochClaims(files, Data, found.ProcessId);
        if (claims.Claim(Shard, found.Node, found.Log, found.StartPosition) != found || claims.Read(Shard, found.Epoch) != found)
            throw new RoundTripException("another claim");
    }

    private static IEnumerable<byte[]> OpenedSeeds()
    {
        var files = new MemoryFiles();
        var seals = new[] { new Seal(new Epoch(1), "node", Log, 4096), new Seal(new Epoch(2), "other", new LogId(9), long.MaxValue) };
        new EpochClaims(files, Data).WriteOpened(Shard, Log, new OpenedEpoch(new Epoch(3), new SequenceNumber(77), seals));
        yield return files.BytesOf(Path.Combine(Epochs, "3.opened"));
    }

    private static void ReadOpened(byte[] bytes)
    {
        var found = new EpochClaims(new MemoryFiles().With(Path.Combine(Epochs, "3.opened"), bytes), Data).ReadOpened(Shard, new Epoch(3))!;
        var claims = new EpochClaims(new MemoryFiles(), Data);
        claims.WriteOpened(Shard, Log, found);
        var again = claims.ReadOpened(Shard, new Epoch(3))!;
        if (again.Epoch != found.Epoch || again.LastSequence != found.LastSequence || !again.Seals.SequenceEqual(found.Seals))
            throw new RoundTripException("another opened epoch");
    }

    private static IEnumerable<byte[]> ClockSeeds()
    {
        yield return [.. Slot(5, 6), .. new byte[LogLayout.SectorBytes - ClockBytes], .. Slot(7, 4096, 8192), .. new byte[LogLayout.SectorBytes - ClockBytes]];
    }

    private static void ReadClock(byte[] bytes)
    {
        var files = new MemoryFiles().With(Path.Combine(Directory, LogLayout.ClockFile), bytes);
        _ = NodeClock.ReadReserved(files, Directory);
        _ = NodeClock.ReadSynced(files, Directory);
        if (NodeClock.ReadFreed(files, Directory) is < 0 or > LogLayout.PositionMax) throw new RoundTripException("a freed position that no log has");
        _ = NodeClock.CountSlots(files, Directory);
    }
}
