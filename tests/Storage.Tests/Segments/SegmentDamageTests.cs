using EntityActors.Storage.Indexes;
using EntityActors.Storage.Model;
using EntityActors.Storage.Segments;
using Xunit;

namespace EntityActors.Storage.Tests.Segments;

public sealed class SegmentDamageTests
{
    private static readonly AsOf Everything = new(Timestamp.MaxValue, Timestamp.MaxValue);

    [Fact]
    public void Every_flipped_bit_is_repaired_or_reported_and_never_answered_wrongly()
    {
        using var fixture = new SegmentFixture();
        var history = MakeHistory(seed: 5, steps: 60);
        var info = fixture.Write(history, 0, history.Recorded.Count, new SegmentOptions { BlockBytes = 256 });
        var path = fixture.PathOf(info.Id);
        var bytes = File.ReadAllBytes(path);
        var expected = Answers(fixture, info);
        var (repaired, refused) = (0, 0);
        using var file = File.Open(path, FileMode.Open, FileAccess.ReadWrite);
        for (var at = 0; at < bytes.Length; at++)
        {
            // All eight bits near the ends, one elsewhere: a checksum treats the bits of a byte alike.
            var bits = at < 64 || at > bytes.Length - 300 ? 8 : 1;
            for (var bit = 0; bit < bits; bit++)
            {
                Put(file, at, (byte)(bytes[at] ^ (1 << (bits == 1 ? at % 8 : bit))));
                fixture.Repaired.Clear();
                try
                {
                    Assert.True(expected == Answers(fixture, info), $"byte {at}: another answer");
                    if (fixture.Repaired.Count > 0) repaired++;
                }
                catch (CorruptDataException)
                {
                    refused++;
                }

                using (var segment = fixture.Open(info)) Assert.True(SegmentFixture.Verify(segment).Count > 0, $"byte {at}: not found by Verify");
            }

            Put(file, at, bytes[at]);
        }

        Assert.Equal(expected, Answers(fixture, info));
        Assert.Equal(0, refused);
        Assert.True(repaired > bytes.Length / 2, $"{repaired} of {bytes.Length} repaired");
    }

    [Fact]
    public void Two_damaged_blocks_of_a_stripe_are_reported()
    {
        using var fixture = new SegmentFixture();
        var history = MakeHistory(seed: 6, steps: 200);
        var info = fixture.Write(history, 0, history.Recorded.Count);
        var path = fixture.PathOf(info.Id);
        var bytes = File.ReadAllBytes(path);
        for (var at = SegmentFormatBytes; at < SegmentFormatBytes + 2000; at++) bytes[at] ^= 0x55;
        File.WriteAllBytes(path, bytes);
        Assert.Throws<CorruptDataException>(() => Answers(fixture, info));
    }

    [Fact]
    public void A_truncated_file_is_refused_at_every_length()
    {
        using var fixture = new SegmentFixture();
        var history = MakeHistory(seed: 7, steps: 40);
        var info = fixture.Write(history, 0, history.Recorded.Count);
        using var file = File.Open(fixture.PathOf(info.Id), FileMode.Open, FileAccess.ReadWrite);
        for (var length = info.LengthBytes - 1; length >= 0; length--)
        {
            file.SetLength(length);
            Assert.Throws<CorruptDataException>(() => fixture.Open(info));
        }
    }

    [Fact]
    public void Bytes_of_another_segment_are_refused()
    {
        using var fixture = new SegmentFixture();
        var history = MakeHistory(seed: 8, steps: 200);
        var stale = fixture.Write(history, 0, 50);
        var current = fixture.Write(history, 0, history.Recorded.Count);
        var twin = fixture.Write(history, 0, 50);
        Assert.Equal(stale.LengthBytes, twin.LengthBytes);
        foreach (var expected in new[] { current, twin })
        {
            File.Copy(fixture.PathOf(stale.Id), fixture.PathOf(expected.Id), overwrite: true);
            Assert.Throws<CorruptDataException>(() => fixture.Open(expected));
        }
    }

    [Fact]
    public void A_file_with_equal_counts_and_another_content_is_refused()
    {
        using var fixture = new SegmentFixture();
        using var other = new SegmentFixture();
        var history = MakeHistory(seed: 11, steps: 50);
        var entity = SegmentFixture.Slice(history, 0, 1).Single();
        var infos = new[] { "ann", "bob" }.Select((author, at) => (at == 0 ? fixture : other).Write(
            [entity with { Changes = [.. entity.Changes.Select(change => change with { Author = author })] }])).ToArray();
        Assert.Equal(infos[0] with { Checksum = infos[1].Checksum }, infos[1]);
        File.Copy(other.PathOf(infos[1].Id), fixture.PathOf(infos[0].Id), overwrite: true);
        Assert.Throws<CorruptDataException>(() => fixture.Open(infos[0]));
    }

    [Fact]
    public void A_header_with_a_wrong_count_is_refused()
    {
        using var fixture = new SegmentFixture();
        var history = MakeHistory(seed: 9, steps: 50);
        var info = fixture.Write(history, 0, history.Recorded.Count);
        Assert.Throws<CorruptDataException>(() => fixture.Open(info with { ChangeCount = info.ChangeCount + 1 }));
    }

    [Fact]
    public void A_failed_write_leaves_no_file()
    {
        using var fixture = new SegmentFixture();
        var history = MakeHistory(seed: 10, steps: 50);
        Assert.Throws<InvariantViolationException>(
            () => fixture.Write(SegmentFixture.Slice(history, 0, history.Recorded.Count).Reverse()));
        Assert.Empty(Directory.GetFiles(fixture.Directory));
    }

    private const int SegmentFormatBytes = 32;

    private static History MakeHistory(int seed, int steps)
    {
        var history = new History(new Random(seed));
        for (var i = 0; i < steps; i++) history.Step(keys: 6);
        return history;
    }

    private static void Put(FileStream file, int at, byte value)
    {
        file.Position = at;
        file.WriteByte(value);
        file.Flush();
    }

    private static string Answers(SegmentFixture fixture, SegmentInfo info)
    {
        using var segment = fixture.Open(info, new BlockCache(1024 * 1024));
        var text = new System.Text.StringBuilder();
        foreach (var entity in segment.ReadAll())
        {
            text.Append(entity.After).AppendJoin(',', entity.After.Tags).Append(entity.Before?.Revision);
            foreach (var change in entity.Changes)
                text.Append(change.Revision).Append(change.Author).Append(change.CommandId).Append(Convert.ToHexString((change.Content?.Bytes ?? default).Span));
        }

        foreach (var dataset in new[] { "data", "other" })
        {
            foreach (var (tag, count) in TagQueryEvaluator.CountTags([segment], dataset, "", null, Everything)) text.Append(tag).Append(count);
            var early = Everything with { At = new Timestamp(2000) };
            foreach (var (tag, count) in TagQueryEvaluator.CountTags([segment], dataset, "", null, early)) text.Append(tag).Append(count);
        }

        return text.ToString();
    }
}
