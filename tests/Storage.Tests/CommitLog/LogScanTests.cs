using EntityActors.Storage.CommitLog;
using EntityActors.Tests.Shared;
using Xunit;

namespace EntityActors.Storage.Tests.CommitLog;

/// <summary>Where a log ends: a torn tail is cut, damage below what was synced never is.</summary>
public sealed class LogScanTests
{
    [Fact]
    public void A_log_reads_back_as_it_was_written_over_several_files()
    {
        using var log = new LogFixture(fileBytes: 16 * 1024);
        for (var i = 0; i < 30; i++) log.Group(bodyBytes: 10 + (i * 97), 1, 2, 1 + (i % 3));
        log.Writer.WriteWatermark();
        Assert.True(Directory.GetFiles(log.LogDirectory, "*.wal").Length > 5);
        using var index = log.Scan();
        Assert.Equal(log.Entries, LogFixture.All(index));
        Assert.Empty(index.Damage);
    }

    [Fact]
    public void Every_flipped_bit_of_a_synced_record_costs_that_record_alone_and_is_reported()
    {
        using var log = new LogFixture();
        log.Group(20, 1, 2, 3);
        log.Group(3000, 1, 2);
        log.Group(7, 3);
        log.Group(11, 2, 1);
        log.Writer.WriteWatermark();
        foreach (var damaged in log.Entries)
        {
            var end = damaged.Position + RecordHeader.SizeBytes + damaged.BodyBytes;
            for (var position = damaged.Position; position < end; position++)
            {
                // All bits of headers and short bodies, one in each byte of long ones.
                var bits = damaged.BodyBytes < 100 ? 8 : 1;
                for (var bit = 0; bit < bits; bit++)
                {
                    var mask = (byte)(1 << (bits == 8 ? bit : (int)(position % 8)));
                    Flip(log.FilePath(), position, mask);
                    using (var index = log.Scan())
                    {
                        Assert.True(log.Entries.Where(entry => entry != damaged).SequenceEqual(LogFixture.All(index)), $"byte {position} mask {mask}");
                        var range = Assert.Single(index.Damage);
                        Assert.True(range.From <= damaged.Position && range.To > damaged.Position, $"{range} for byte {position} mask {mask}");
                    }

                    Flip(log.FilePath(), position, mask);
                }
            }
        }

        using var whole = log.Scan();
        Assert.Empty(whole.Damage);
    }

    [Fact]
    public void A_record_damaged_inside_the_last_group_is_found_by_the_watermark_behind_it()
    {
        using var log = new LogFixture();
        log.Group(20, 1, 2, 3);
        log.Writer.WriteWatermark();
        Flip(log.FilePath(), log.Entries[1].Position + 70, 1);
        using var index = log.Scan();
        Assert.Equal([log.Entries[0], log.Entries[2]], LogFixture.All(index));
        Assert.Equal(log.Entries[1].Position, Assert.Single(index.Damage).From);
    }

    [Fact]
    public void Damage_to_padding_and_to_the_last_watermark_harms_nothing()
    {
        using var log = new LogFixture();
        log.Group(20, 1, 2);
        log.Group(30, 1);
        log.Writer.WriteWatermark();
        foreach (var position in new[] { log.Entries[1].End + 100, LogLayout.SectorBytes * 2L, (LogLayout.SectorBytes * 2L) + 24, 40_000L })
        {
            Flip(log.FilePath(), position, 4);
            using (var index = log.Scan())
            {
                Assert.Equal(log.Entries, LogFixture.All(index));
                Assert.Empty(index.Damage);
            }

            Flip(log.FilePath(), position, 4);
        }
    }

    [Fact]
    public void A_group_cut_at_any_byte_is_torn_and_keeps_only_whole_records()
    {
        using var log = new LogFixture();
        log.Group(20, 1, 2);
        log.Group(1500, 1, 2, 3, 1);
        var bytes = File.ReadAllBytes(log.FilePath());
        var start = log.Entries[2].Position;
        for (var cut = start; cut <= log.Entries[^1].End; cut += cut % 64 == 0 ? 1 : 21)
        {
            var torn = bytes.ToArray();
            torn.AsSpan((int)cut).Clear();
            File.WriteAllBytes(log.FilePath(), torn);
            using var index = log.Scan();
            Assert.Empty(index.Damage);
            var whole = log.Entries.Where(entry => entry.Position + RecordHeader.SizeBytes + entry.BodyBytes <= cut).ToList();
            Assert.True(LogFixture.All(index).Length >= whole.Count && log.Entries.Take(LogFixture.All(index).Length).SequenceEqual(LogFixture.All(index)),
                $"cut at {cut}");
            // The file may also simply end there.
            File.WriteAllBytes(log.FilePath(), bytes[..(int)cut]);
            using var shorter = log.Scan();
            Assert.Empty(shorter.Damage);
            Assert.Equal(LogFixture.All(index), LogFixture.All(shorter));
        }
    }

    [Fact]
    public void A_torn_group_whose_sectors_reached_the_disk_in_any_order_is_no_corruption()
    {
        using var log = new LogFixture();
        // Bodies that make each record fill its sectors exactly: later records of the group stand at sector boundaries, too.
        log.Group(LogLayout.SectorBytes - RecordHeader.SizeBytes, 1, 2);
        log.Group(LogLayout.SectorBytes - RecordHeader.SizeBytes, 1, 2, 3, 1, 2, 3);
        var bytes = File.ReadAllBytes(log.FilePath());
        var first = (int)log.Entries[2].Position;
        for (var lost = 1; lost < 64; lost++)
        {
            var torn = bytes.ToArray();
            for (var sector = 0; sector < 6; sector++)
            {
                if ((lost & (1 << sector)) != 0) torn.AsSpan(first + (sector * LogLayout.SectorBytes), LogLayout.SectorBytes).Clear();
            }

            File.WriteAllBytes(log.FilePath(), torn);
            using var index = log.Scan();
            Assert.Empty(index.Damage);
            var kept = System.Numerics.BitOperations.TrailingZeroCount(lost);
            Assert.Equal(log.Entries.Take(2 + kept), LogFixture.All(index));
        }
    }

    [Fact]
    public void A_torn_group_behind_a_group_with_padding_is_no_corruption()
    {
        using var log = new LogFixture();
        log.Group(100, 1);
        log.Group(LogLayout.SectorBytes - RecordHeader.SizeBytes, 2, 3);
        var bytes = File.ReadAllBytes(log.FilePath());
        bytes.AsSpan((int)log.Entries[1].Position, LogLayout.SectorBytes).Clear();
        File.WriteAllBytes(log.FilePath(), bytes);
        using var index = log.Scan();
        Assert.Empty(index.Damage);
        Assert.Equal([log.Entries[0]], LogFixture.All(index));
    }

    [Fact]
    public void A_lost_group_between_two_others_is_corruption_wherever_a_file_ends()
    {
        using var log = new LogFixture(fileBytes: 16 * 1024);
        for (var i = 0; i < 8; i++) log.Group(3000, 1, 2);
        var starts = Directory.GetFiles(log.LogDirectory, "*.wal").Length;
        Assert.True(starts > 3);
        for (var group = 0; group < 7; group++)
        {
            var first = log.Entries[2 * group];
            var fileStart = first.Position / log.Options.FileBytes * log.Options.FileBytes;
            var path = log.FilePath(fileStart);
            var bytes = File.ReadAllBytes(path);
            var lost = bytes.ToArray();
            lost.AsSpan((int)(first.Position - fileStart), 2 * LogLayout.SectorBytes).Clear();
            File.WriteAllBytes(path, lost);
            using (var index = log.Scan())
            {
                Assert.Equal(log.Entries.Where(entry => entry.Position / 8192 != first.Position / 8192), LogFixture.All(index));
                Assert.Single(index.Damage);
            }

            File.WriteAllBytes(path, bytes);
        }
    }

    [Fact]
    public void What_an_earlier_use_left_in_a_recycled_file_never_counts()
    {
        var seed = SeedSource.Next();
        using var other = new LogFixture(fileBytes: 16 * 1024);
        for (var i = 0; i < 2; i++) other.Group(2000, 7, 8, 9);
        using var log = new LogFixture(fileBytes: 16 * 1024);
        for (var i = 0; i < 5; i++) log.Group(500, 1, 2);
        // The spare holds records of another log (another id in the same places) and the first file of this log, one behind the other.
        foreach (var old in new[] { Foreign(other, SeedSource.For(seed, 1)), File.ReadAllBytes(log.FilePath()) })
        {
            var spare = Path.Combine(log.LogDirectory, LogLayout.SpareFile);
            if (File.Exists(spare)) File.Delete(spare);
            File.WriteAllBytes(spare, old);
            for (var i = 0; i < 4; i++) log.Group(500 + i, 1, 2);
            using var index = log.Scan();
            Assert.Equal(log.Entries, LogFixture.All(index));
            Assert.Empty(index.Damage);
        }
    }

    [Fact]
    public void A_log_that_grows_while_it_is_read_is_read_on_from_where_it_ended()
    {
        using var log = new LogFixture(fileBytes: 16 * 1024);
        using var index = log.Scan();
        for (var i = 0; i < 20; i++)
        {
            log.Group(1000, 1, 2);
            index.Scan();
            Assert.Equal(log.Entries, LogFixture.All(index));
        }

        Assert.Empty(index.Damage);
        // Damage behind what was read already is found although an earlier scan ended right before it.
        log.Group(1000, 1, 2);
        Flip(log.FilePath(log.Entries[^2].Position / 16384 * 16384), log.Entries[^2].Position % 16384, 1);
        index.Scan();
        Assert.Equal(40, LogFixture.All(index).Length);
        log.Group(1000, 1, 2);
        index.Scan();
        Assert.Equal(log.Entries.Where((_, i) => i != 40), LogFixture.All(index));
        Assert.Single(index.Damage);
    }

    [Fact]
    public void Files_freed_between_two_scans_are_not_damage()
    {
        using var log = new LogFixture(fileBytes: 16 * 1024);
        for (var i = 0; i < 4; i++) log.Group(3000, 1, 2);
        using var index = log.Scan();
        for (var i = 0; i < 8; i++) log.Group(3000, 1, 2);
        log.Writer.Recycle(0);
        File.Delete(log.FilePath(16 * 1024));
        File.Delete(log.FilePath(32 * 1024));
        index.Scan();
        Assert.Empty(index.Damage);
        Assert.Equal(log.Entries.Skip(12), LogFixture.All(index).Where(entry => entry.Position >= 48 * 1024));
    }

    private static byte[] Foreign(LogFixture other, Random random)
    {
        var bytes = File.ReadAllBytes(other.FilePath());
        // Another log's id in every record, with its checksums left as they are: either alone must do.
        foreach (var entry in other.Entries)
        {
            if (entry.Position < bytes.Length) bytes[entry.Position + 8] ^= (byte)(1 + random.Next(255));
        }

        return bytes;
    }

    private static void Flip(string path, long offset, byte mask)
    {
        using var handle = File.OpenHandle(path, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite);
        Span<byte> one = stackalloc byte[1];
        RandomAccess.Read(handle, one, offset);
        one[0] ^= mask;
        RandomAccess.Write(handle, one, offset);
    }
}
