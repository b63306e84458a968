using EntityActors.Chaos.Faults;
using EntityActors.Chaos.Nodes;
using EntityActors.Tests.Shared.Networks;
using EntityActors.Tests.Shared.Processes;

namespace EntityActors.Chaos;

/// <summary>Runs against the real program.</summary>
public static class ChaosRunner
{
    /// <exception cref="OperationCanceledException">It was interrupted; no process, network or disk of it is left.</exception>
    public static async Task<ChaosResult> RunAsync(ChaosOptions options, CancellationToken cancellation = default)
    {
        var unavailable = new Dictionary<FaultKind, string>();
        await using var fleet = await ProcessFleet.CreateAsync(options.NodeCount, ChaosRun.Dataset, options.Faults);
        if (fleet.Network is null && options.NodeCount > 1 && await BridgedNetwork.UnavailableAsync() is { } network)
            (unavailable[FaultKind.Cut], unavailable[FaultKind.CutOneWay]) = (network, network);
        if (SmallFileSystem.Unavailable() is { } disk) unavailable[FaultKind.DiskFull] = disk;
        if (DiskErrorFault.UnavailableHere() is { } trace) unavailable[FaultKind.DiskError] = trace;
        return await new ChaosRun(options, fleet, fleet.NewClients, unavailable).RunAsync().WaitAsync(cancellation);
    }
}
