using Akka.Configuration;
using EntityActors.Actors.Hosting;
using EntityActors.Actors.Scrubbing;
using Xunit;

namespace EntityActors.Actors.Tests.Scrubbing;

public sealed class ScrubberLimitsTests
{
    [Fact]
    public void The_built_in_settings_are_the_defaults()
    {
        Assert.Equal(new ScrubberLimits(), ScrubberLimits.From(StoreHocon.BuiltIn()));
        Assert.Equal((1024 * 1024, 0.02), (new ScrubberLimits().BytesPerSecond, new ScrubberLimits().CoreShareMax));
    }

    [Theory]
    [InlineData("bytes-per-second = 10")]
    [InlineData("core-share = 0")]
    [InlineData("core-share = 1.5")]
    [InlineData("interval = 0s")]
    public void A_value_out_of_range_is_refused(string setting) => Assert.Throws<ConfigurationException>(() =>
        ScrubberLimits.From(ConfigurationFactory.ParseString($"entityactors.scrubber {{ {setting} }}").WithFallback(StoreHocon.BuiltIn())));

    [Theory]
    [InlineData(0.0001)]
    [InlineData(0.001)]
    [InlineData(0.05)]
    [InlineData(2)]
    public void Neither_rate_nor_share_of_a_core_is_passed_whatever_a_step_takes(double takenSeconds)
    {
        var limits = new ScrubberLimits();
        var taken = TimeSpan.FromSeconds(takenSeconds);
        var whole = taken + limits.RestAfter(limits.StepBytes, taken);
        Assert.True(limits.StepBytes / whole.TotalSeconds <= limits.BytesPerSecond * 1.001, $"{limits.StepBytes / whole.TotalSeconds} bytes a second");
        Assert.True(taken / whole <= limits.CoreShareMax * 1.001, $"{taken / whole} of a core");
    }
}
