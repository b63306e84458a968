using EntityActors.Chaos;
using EntityActors.Chaos.Faults;
using EntityActors.Chaos.Reports;
using EntityActors.Cluster.Tests.Fakes;
using EntityActors.Tests.Shared;
using Xunit;

namespace EntityActors.Cluster.Tests.Chaos;

/// <summary>The chaos runs are believed only as far as they find what is broken on purpose.</summary>
public sealed class ChaosHarnessTests
{
    private static readonly TimeSpan Load = TimeSpan.FromSeconds(4);

    [Fact]
    public async Task A_run_accepts_a_store_that_keeps_its_promises_and_writes_its_report()
    {
        var result = await RunAsync(FakeFault.None);
        Assert.True(result.Findings.Count == 0, string.Join("\n", result.Findings));
        Assert.NotEmpty(result.Faults);
        Assert.True(result.AcknowledgedCount > 0);
        using var directory = new TempDirectory();
        ChaosReport.Write(directory.File("report"), result);
        Assert.Contains("0 findings", await File.ReadAllTextAsync(directory.File("report/report.md")), StringComparison.Ordinal);
        Assert.Contains("<svg", await File.ReadAllTextAsync(directory.File("report/timeline.svg")), StringComparison.Ordinal);
        var lines = await File.ReadAllLinesAsync(directory.File("report/history.ndjson"));
        Assert.Equal(result.History.Writes.Count, lines.Count(line => line.Contains("\"type\":\"write\"", StringComparison.Ordinal)));
    }

    [Theory]
    [InlineData(FakeFault.LosesAnAcknowledgedChange, "acknowledged but not in the history")]
    [InlineData(FakeFault.AppliesAChangeTwice, "neither acknowledged nor in flight")]
    [InlineData(FakeFault.LosesATagOfAChange, "is not what was acknowledged (added")]
    [InlineData(FakeFault.ForgetsCommandIds, "neither acknowledged nor in flight")]
    [InlineData(FakeFault.IgnoresIfMatch, "is not what was acknowledged (it had to be refused")]
    [InlineData(FakeFault.QueriesMissAnEntity, "missing: [")]
    [InlineData(FakeFault.AsOfIsNow, "under load: ")]
    [InlineData(FakeFault.LosesTheTailAtAKill, "have no order")]
    [InlineData(FakeFault.AnswersAStaleRead, "have no order")]
    [InlineData(FakeFault.AppliesWhatItRefuses, "told that nothing was applied, then that it had been")]
    public async Task A_run_finds_a_store_that_breaks_a_promise(FakeFault fault, string finding)
    {
        var result = await RunAsync(fault);
        Assert.True(result.Findings.Any(found => found.Contains(finding, StringComparison.Ordinal)),
            $"{result.Findings.Count} findings and none of them \"{finding}\":\n{string.Join('\n', result.Findings.Take(10))}");
    }

    private static async Task<ChaosResult> RunAsync(FakeFault fault)
    {
        var options = new ChaosOptions { Seed = 1, Load = Load, NodeCount = 1, ClientCount = 4, FollowerCount = 0, Faults = [FaultKind.Kill] };
        await using var fleet = new FakeFleet(fault, ChaosRun.Dataset);
        return await new ChaosRun(options, fleet, fleet.NewClients, new Dictionary<FaultKind, string>()).RunAsync();
    }
}
