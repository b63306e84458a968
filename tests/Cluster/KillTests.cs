using System.Globalization;
using EntityActors.Cluster.Tests.Fakes;
using EntityActors.Cluster.Tests.Kill;
using EntityActors.Tests.Shared;
using EntityActors.Tests.Shared.Processes;
using Xunit;
using Xunit.Abstractions;

namespace EntityActors.Cluster.Tests;

public sealed class KillTests(ITestOutputHelper output)
{
    private const string CyclesVariable = "EA_KILL_CYCLES";
    private const int CyclesDefault = 20;
    private const int ClientCount = 32;
    private static readonly TimeSpan FakeLoadMax = TimeSpan.FromMilliseconds(600);

    [Fact]
    public async Task Nothing_acknowledged_is_lost_when_a_node_under_load_is_killed_again_and_again()
    {
        var seed = SeedSource.Next();
        var cycles = int.TryParse(Environment.GetEnvironmentVariable(CyclesVariable), CultureInfo.InvariantCulture, out var set) ? set : CyclesDefault;
        output.WriteLine($"{SeedSource.Variable}={seed} {CyclesVariable}={cycles}");
        using var directory = new TempDirectory();
        var options = new ServerOptions(directory.File("data"), TinyThresholds.ShardCount, [TinyThresholds.WriteTo(directory.Path)]);
        await using var server = new ServerUnderTest(options);
        var run = new KillRun(server, seed, ClientCount, TimeSpan.FromSeconds(3.5), ProgressFile.Append);
        await run.RunAsync(cycles);
        output.WriteLine($"{run.AcknowledgedCount} acknowledged changes, {run.InFlightAppliedCount} in flight at a kill took effect");
        Assert.True(run.AcknowledgedCount > cycles * ClientCount, $"only {run.AcknowledgedCount} changes were acknowledged: not a load");
    }

    [Fact]
    public async Task The_kill_test_accepts_a_store_that_keeps_its_promises()
    {
        await using var store = new FakeStoreUnderTest(FakeFault.None);
        var run = new KillRun(store, seed: 1, clientCount: 4, FakeLoadMax);
        await run.RunAsync(cycles: 2);
        Assert.True(run.AcknowledgedCount > 0);
    }

    [Theory]
    [InlineData(FakeFault.LosesAnAcknowledgedChange, "Refused revision= on revision")]
    [InlineData(FakeFault.AppliesAChangeTwice, "revision 3 after 1")]
    [InlineData(FakeFault.LosesATagOfAChange, "is not what was acknowledged (added")]
    [InlineData(FakeFault.ForgetsCommandIds, "revision 2 after 0")]
    [InlineData(FakeFault.IgnoresIfMatch, "answered 200")]
    [InlineData(FakeFault.QueriesMissAnEntity, "missing: [client-")]
    [InlineData(FakeFault.AsOfIsNow, " as of 17")]
    [InlineData(FakeFault.LosesTheTailAtAKill, "acknowledged but not in the history")]
    public async Task The_kill_test_finds_a_store_that_breaks_a_promise(FakeFault fault, string finding)
    {
        await using var store = new FakeStoreUnderTest(fault);
        var run = new KillRun(store, seed: 1, clientCount: 4, FakeLoadMax);
        var failure = await Assert.ThrowsAsync<KillRunException>(() => run.RunAsync(cycles: 6));
        Assert.Contains("EA_SEED=1 cycle ", failure.Message, StringComparison.Ordinal);
        // Of all that was found: the message shows the first ones, and which those are depends on the threads.
        Assert.Contains(failure.Findings.Append(failure.Message), found => found.Contains(finding, StringComparison.Ordinal));
    }
}
