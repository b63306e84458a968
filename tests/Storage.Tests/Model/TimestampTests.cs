using EntityActors.Storage.Model;
using Xunit;

namespace EntityActors.Storage.Tests.Model;

public sealed class TimestampTests
{
    [Theory]
    [InlineData("2024-02-29T12:34:56.123456789Z", 1709210096123456789)]
    [InlineData("2024-02-29T12:34:56Z", 1709210096000000000)]
    [InlineData("2024-02-29T13:34:56.5+01:00", 1709210096500000000)]
    [InlineData("1709210096123456789", 1709210096123456789)]
    public void Both_forms_of_a_time_are_read(string text, long nanoseconds)
    {
        Assert.True(Timestamp.TryParse(text, out var moment));
        Assert.Equal(nanoseconds, moment.Nanoseconds);
    }

    [Theory]
    [InlineData("")]
    [InlineData("0")]
    [InlineData("-1")]
    [InlineData("yesterday")]
    [InlineData("2024-13-01T00:00:00Z")]
    [InlineData("2024-01-01T00:00:00.1234567890Z")]
    [InlineData("2024-01-01.5T00:00:00Z")]
    [InlineData("2024-01-01T00:00:00Z.5")]
    [InlineData("2024-01-01T00:00:00+01:00.5")]
    [InlineData("2024-01-01T00:00.5:00Z")]
    [InlineData("2024-01-01T00:00:00.Z")]
    [InlineData("2024-01-01T00:00:00.5.5Z")]
    [InlineData("1969-12-31T23:59:59Z")]
    [InlineData("1970-01-01T00:00:00Z")]
    [InlineData("2262-04-11T23:47:16.854775808Z")]
    [InlineData("3000-01-01T00:00:00Z")]
    [InlineData("2024-01-01T00:00:00")]
    [InlineData("2024-01-01 00:00:00Z")]
    [InlineData("2024-01-01T00:00:00 02:00")]
    public void What_is_not_a_time_is_refused(string text) => Assert.False(Timestamp.TryParse(text, out _));

    [Theory]
    [InlineData(1)]
    [InlineData(long.MaxValue - 2_000_000_000)]
    [InlineData(long.MaxValue)]
    public void Every_time_that_is_taken_as_a_count_is_taken_as_it_is_written(long nanoseconds)
    {
        Assert.True(Timestamp.TryParse($"{nanoseconds}", out var moment));
        Assert.True(Timestamp.TryParse(moment.ToString(), out var again), $"{moment}");
        Assert.Equal(moment, again);
    }

    [Fact]
    public void A_time_is_written_with_nine_digits_and_read_back()
    {
        var moment = new Timestamp(1709210096000000007);
        Assert.Equal("2024-02-29T12:34:56.000000007Z", moment.ToString());
        Assert.True(Timestamp.TryParse(moment.ToString(), out var again));
        Assert.Equal(moment, again);
    }
}
