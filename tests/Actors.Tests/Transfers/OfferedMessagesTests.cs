using EntityActors.Actors.Transfers;
using Xunit;

namespace EntityActors.Actors.Tests.Transfers;

public sealed class OfferedMessagesTests
{
    private static readonly TransferLimits Limits = new() { ChunkBytes = 4, OfferedBytesMax = 20, CountMax = 3, Timeout = TimeSpan.FromSeconds(10) };

    private readonly ManualTime _time = new();
    private readonly OfferedMessages _offers;

    public OfferedMessagesTests() => _offers = new OfferedMessages(Limits, _time);

    [Fact]
    public void The_last_byte_ends_an_offer()
    {
        var id = _offers.TryOffer(new object(), new byte[] { 1, 2, 3, 4, 5, 6 })!.Value;
        Assert.True(_offers.TryRead(id, 0, 4, out var first));
        Assert.True(_offers.TryRead(id, 0, 4, out _));
        Assert.True(_offers.TryRead(id, 4, 2, out var last));
        Assert.Equal([1, 2, 3, 4, 5, 6], [.. first.ToArray(), .. last.ToArray()]);
        Assert.False(_offers.TryRead(id, 4, 2, out _));
        Assert.Equal((0, 0), _offers.Usage);
    }

    [Theory]
    [InlineData(-1, 2)]
    [InlineData(0, 0)]
    [InlineData(0, 5)]
    [InlineData(4, 3)]
    [InlineData(6, 1)]
    [InlineData(int.MaxValue, 4)]
    [InlineData(2, int.MaxValue)]
    [InlineData(2, -1)]
    public void Bytes_that_an_offer_does_not_have_are_not_given(int offset, int length)
    {
        var id = _offers.TryOffer(new object(), new byte[] { 1, 2, 3, 4, 5, 6 })!.Value;
        Assert.False(_offers.TryRead(id, offset, length, out _));
        Assert.False(_offers.TryRead(id + 1, 0, 1, out _));
        Assert.Equal((1, 6), _offers.Usage);
    }

    [Fact]
    public void Bytes_and_number_are_bounded()
    {
        Assert.NotNull(_offers.TryOffer(new object(), new byte[20]));
        Assert.Null(_offers.TryOffer(new object(), new byte[1]));
        _time.Advance(Limits.Timeout);
        _offers.Expire();
        for (var i = 0; i < 3; i++) Assert.NotNull(_offers.TryOffer(new object(), new byte[1]));
        Assert.Null(_offers.TryOffer(new object(), new byte[1]));
        Assert.Equal((3, 3), _offers.Usage);
    }

    [Fact]
    public void A_message_that_is_sent_twice_is_offered_once_and_its_time_begins_anew()
    {
        var message = new object();
        var id = _offers.TryOffer(message, new byte[] { 1, 2 });
        _time.Advance(Limits.Timeout / 2);
        Assert.Equal(id, _offers.TryOffer(message, new byte[] { 1, 2 }));
        Assert.Equal((1, 2), _offers.Usage);
        _time.Advance(Limits.Timeout / 2);
        _offers.Expire();
        Assert.Equal((1, 2), _offers.Usage);
        _time.Advance(Limits.Timeout / 2);
        _offers.Expire();
        Assert.Equal((0, 0), _offers.Usage);
        Assert.NotEqual(id, _offers.TryOffer(message, new byte[] { 1, 2 }));
    }
}
