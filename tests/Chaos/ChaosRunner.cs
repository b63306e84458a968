using EntityActors.Chaos.Faults;
using EntityActors.Chaos.Nodes;
using EntityActors.Tests.Shared.Processes;

namespace EntityActors.Chaos;

/// <summary>Runs against the real program.</summary>
public static class ChaosRunner
{
    public static async Task<ChaosResult> RunAsync(ChaosOptions options)
    {
        var unavailable = new Dictionary<FaultKind, string>();
        await using var fleet = await ProcessFleet.CreateAsync(options.NodeCount, ChaosRun.Dataset, options.Faults);
        if (fleet.Network is null && options.NodeCount > 1 && await BridgedNetwork.UnavailableAsync() is { } network)
            (unavailable[FaultKind.Cut], unavailable[FaultKind.CutOneWay]) = (network, network);
        if (SmallFileSystem.Unavailable() is { } disk) unavailable[FaultKind.DiskFull] = disk;
        if (DiskErrorFault.UnavailableHere() is { } trace) unavailable[FaultKind.DiskError] = trace;
        return await new ChaosRun(options, fleet, fleet.NewClients, unavailable).RunAsync();
    }
}
