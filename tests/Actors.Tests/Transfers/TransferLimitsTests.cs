using Akka.Configuration;
using EntityActors.Actors.Hosting;
using EntityActors.Actors.Transfers;
using Xunit;

namespace EntityActors.Actors.Tests.Transfers;

public sealed class TransferLimitsTests
{
    [Fact]
    public void The_built_in_settings_are_the_defaults() => Assert.Equal(new TransferLimits(), TransferLimits.From(StoreHocon.BuiltIn()));

    [Theory]
    [InlineData("entityactors.transfers.whole-bytes-max = 2MiB")]
    [InlineData("entityactors.transfers.whole-bytes-max = 10")]
    [InlineData("entityactors.transfers.chunk-bytes = 2MiB")]
    [InlineData("entityactors.transfers.window-chunks = 0")]
    [InlineData("entityactors.transfers.count-max = 0")]
    [InlineData("entityactors.transfers.message-bytes-max = 65MiB")]
    [InlineData("entityactors.transfers.timeout = 0s")]
    [InlineData("akka.remote.dot-netty.tcp.maximum-frame-size = 256KiB")]
    public void A_value_out_of_range_is_refused(string setting) => Assert.Throws<ConfigurationException>(() =>
        TransferLimits.From(ConfigurationFactory.ParseString(setting).WithFallback(StoreHocon.BuiltIn())));
}
