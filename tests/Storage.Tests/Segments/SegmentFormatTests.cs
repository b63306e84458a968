using EntityActors.Storage.Format;
using EntityActors.Storage.Model;
using EntityActors.Storage.Segments;
using Xunit;

namespace EntityActors.Storage.Tests.Segments;

public sealed class SegmentFormatTests
{
    /// <summary>The worked example of docs/FORMAT.md: header, data block and event block; and the checksum of the whole file.</summary>
    private const string FirstBytes =
        "45415345474D4E54010000000000000003000000000000000100000000000000B1010364006B050101E8030001000C08"
        + "00B10103613A310101017401032A0044020101092400210207330006020013080B004103616E6E39001000390010AB16"
        + "00802A000000020000000115D00F0115D00F000000000400000002000000B1";

    private const uint WholeFileChecksum = 2480920571;

    [Fact]
    public void The_worked_example_of_the_format_is_written_byte_for_byte()
    {
        using var fixture = new SegmentFixture();
        var key = new EntityKey("d", "k");
        var change = new Change(key, 5, 1, new SequenceNumber(9), new Timestamp(1000), new Timestamp(1000), 2, new CommandId(7), 8, "ann",
            [new Tag("a:1")], [], Lifecycle.Active, 1, new Content("t", new byte[] { 0xAB }));
        var info = fixture.Write([new SegmentEntity(null, [change], EntityHead.Apply(null, change))]);
        var bytes = File.ReadAllBytes(fixture.PathOf(info.Id));
        var found = Convert.ToHexString(bytes.AsSpan(0, FirstBytes.Length / 2));
        Assert.True(found == FirstBytes, found);
        Assert.Equal(WholeFileChecksum, Crc32C.Compute(bytes));
    }
}
