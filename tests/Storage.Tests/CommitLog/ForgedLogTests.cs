using System.Buffers.Binary;
using EntityActors.Storage.CommitLog;
using EntityActors.Storage.Format;
using EntityActors.Storage.Io;
using EntityActors.Storage.Model;
using EntityActors.Tests.Shared;
using Xunit;

namespace EntityActors.Storage.Tests.CommitLog;

/// <summary>Wrong numbers under right checksums in the files of a log: they are damage, and neither end the scan nor keep it going for ever.</summary>
public sealed class ForgedLogTests : IDisposable
{
    private const int ClockSlotBytes = LogLayout.SectorBytes;
    private static readonly LogId Log = new(0x1122_3344_5566_7788);
    private static readonly ShardId Shard = new(7);

    private readonly TempDirectory _data = new();

    private string LogDirectory => LogLayout.LogDirectory(_data.Path, "node", Log);

    public void Dispose() => _data.Dispose();

    [Theory]
    [InlineData(long.MaxValue)]
    [InlineData(long.MaxValue - LogLayout.SectorBytes)]
    [InlineData(long.MinValue)]
    public void A_clock_that_says_an_impossible_position_to_be_synced_is_damaged(long synced)
    {
        WriteLog(watermark: 0);
        WriteClock(synced);
        using var index = new LogIndex(PosixFileSystem.Instance, LogDirectory, Log, isOwn: false);
        index.Scan();
        Assert.Single(index.Find(Shard, new Epoch(1), 0, long.MaxValue));
        Assert.Equal(0, NodeClock.ReadSynced(PosixFileSystem.Instance, LogDirectory));
        Assert.Equal(1, NodeClock.CountSlots(PosixFileSystem.Instance, LogDirectory).Damaged);
    }

    [Fact]
    public void A_clock_that_says_more_to_be_synced_than_there_is_proves_damage()
    {
        WriteLog(watermark: 0);
        WriteClock(LogLayout.PositionMax);
        using var index = new LogIndex(PosixFileSystem.Instance, LogDirectory, Log, isOwn: false);
        index.Scan();
        Assert.Equal(new DamagedRange(LogLayout.SectorBytes, LogLayout.PositionMax), Assert.Single(index.Damage));
        Assert.Single(index.Find(Shard, new Epoch(1), 0, long.MaxValue));
    }

    [Theory]
    [InlineData(8)]
    [InlineData(long.MaxValue)]
    [InlineData(-1)]
    public void A_record_that_says_the_log_to_be_synced_beyond_itself_is_none(long watermark)
    {
        WriteLog(watermark);
        using var index = new LogIndex(PosixFileSystem.Instance, LogDirectory, Log, isOwn: false);
        index.Scan();
        Assert.Empty(index.Shards);
        Assert.Equal(0, index.Watermark);
    }

    [Fact]
    public void A_record_in_the_middle_of_a_group_that_names_its_own_place_as_synced_proves_no_damage()
    {
        WriteLog(watermark: 0);
        var path = Path.Combine(LogDirectory, LogLayout.FileName(0));
        var file = File.ReadAllBytes(path);
        var second = LogLayout.RecordBytes(3);
        new RecordHeader(1, 0, Log, second, second, 2, 4711, Shard.Value, 1, RecordKind.Event).Write(file.AsSpan((int)second), [4]);
        File.WriteAllBytes(path, file);
        using var index = new LogIndex(PosixFileSystem.Instance, LogDirectory, Log, isOwn: false);
        index.Scan();
        Assert.Empty(index.Damage);
        Assert.Single(index.Find(Shard, new Epoch(1), 0, long.MaxValue));
    }

    [Fact]
    public void A_file_named_by_an_impossible_position_is_not_of_the_log()
    {
        WriteLog(watermark: 0);
        File.WriteAllBytes(Path.Combine(LogDirectory, LogLayout.FileName(long.MaxValue)), new byte[LogLayout.SectorBytes]);
        Assert.Equal([0], LogReader.FileStarts(PosixFileSystem.Instance, LogDirectory));
        using var index = new LogIndex(PosixFileSystem.Instance, LogDirectory, Log, isOwn: false);
        index.Scan();
        Assert.Single(index.Find(Shard, new Epoch(1), 0, long.MaxValue));
    }

    [Fact]
    public void A_claim_by_a_process_id_that_no_process_has_is_damaged()
    {
        var claims = new EpochClaims(PosixFileSystem.Instance, _data.Path, processId: int.MaxValue);
        var claim = claims.Claim(Shard, "node", Log, 0);
        Assert.Equal(claim, claims.Read(Shard, claim.Epoch));
        var path = Path.Combine(LogLayout.EpochDirectory(_data.Path, Shard), claim.Epoch.ToString());
        var bytes = File.ReadAllBytes(path);
        // The last byte of the number, before the checksum: 31 bits become 32.
        bytes[^5] = 0x0F;
        BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(^4..), Crc32C.Compute(bytes.AsSpan(..^4)));
        File.WriteAllBytes(path, bytes);
        Assert.Throws<CorruptDataException>(() => claims.Read(Shard, claim.Epoch));
    }

    private void WriteLog(long watermark)
    {
        Directory.CreateDirectory(LogDirectory);
        var file = new byte[4 * LogLayout.SectorBytes];
        new RecordHeader(3, 0, Log, 0, watermark, 1, 0, Shard.Value, 1, RecordKind.Event).Write(file, [1, 2, 3]);
        File.WriteAllBytes(Path.Combine(LogDirectory, LogLayout.FileName(0)), file);
    }

    private void WriteClock(long synced)
    {
        var slots = new byte[2 * ClockSlotBytes];
        "EACTCK03"u8.CopyTo(slots);
        BinaryPrimitives.WriteUInt64LittleEndian(slots.AsSpan(8), Log.Value);
        BinaryPrimitives.WriteInt64LittleEndian(slots.AsSpan(24), synced);
        BinaryPrimitives.WriteUInt32LittleEndian(slots.AsSpan(40), Crc32C.Compute(slots.AsSpan(0, 40)));
        File.WriteAllBytes(Path.Combine(LogDirectory, LogLayout.ClockFile), slots);
    }
}
