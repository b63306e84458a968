using EntityActors.Storage.Format;
using EntityActors.Storage.Model;
using Xunit;

namespace EntityActors.Storage.Tests.Format;

/// <summary>The bytes of changes and heads with an expiry, and of those without, which are what they were before there was one.</summary>
public sealed class ExpiryBytesTests
{
    private static readonly EntityKey Key = new("d", "k");

    private static readonly Change Plain = new(Key, 5, 1, new SequenceNumber(9), new Timestamp(1000), new Timestamp(1000), 2, new CommandId(7), 8, "ann",
        [new Tag("a:1")], [], Lifecycle.Active, 0, null);

    [Theory]
    [InlineData(null, "00010109E80300000000000002070000000000000000000000000000000800000000000000" + "03616E6E" + "0103613A31" + "00" + "00")]
    [InlineData(2000L, "10010109E80300000000000002070000000000000000000000000000000800000000000000" + "03616E6E" + "0103613A31" + "00" + "00" + "D007000000000000")]
    public void A_change_has_its_golden_bytes(long? expiresAt, string golden)
    {
        var change = Plain with { ExpiresAt = expiresAt is { } time ? new Timestamp(time) : null };
        var writer = new ByteWriter();
        ChangeCodec.WriteChange(writer, change);
        Assert.Equal(golden, Convert.ToHexString(writer.Written));
        var reader = new ByteReader(writer.Written);
        Assert.Equal(change.ExpiresAt, ChangeCodec.ReadChange(ref reader, Key, 5).ExpiresAt);
        Assert.True(reader.IsAtEnd);
    }

    [Theory]
    [InlineData(null, "050101" + "E803000000000000E803000000000000E803000000000000" + "0103613A31" + "00" + "00" + "00")]
    [InlineData(2000L, "050101" + "E803000000000000E803000000000000E803000000000000" + "0103613A31" + "00" + "02" + "00" + "D007000000000000")]
    public void A_head_has_its_golden_bytes(long? expiresAt, string golden)
    {
        var head = EntityHead.Apply(null, Plain with { ExpiresAt = expiresAt is { } time ? new Timestamp(time) : null });
        var writer = new ByteWriter();
        ChangeCodec.WriteHead(writer, head);
        Assert.Equal(golden, Convert.ToHexString(writer.Written));
        var reader = new ByteReader(writer.Written);
        Assert.Equal(head.ExpiresAt, ChangeCodec.ReadHead(ref reader, Key).ExpiresAt);
        Assert.True(reader.IsAtEnd);
    }
}
