using EntityActors.Chaos.Nodes;

namespace EntityActors.Chaos.Faults;

/// <summary>Kills and restarts.</summary>
internal sealed class KillFault(FaultKind kind, TimeSpan readyMax) : IFaultInjector
{
    private static readonly TimeSpan DownMin = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan DownMax = TimeSpan.FromSeconds(6);

    public FaultKind Kind => kind;

    public string? Unavailable => null;

    public async Task<bool> TryInjectAsync(FaultSite site, CancellationToken end)
    {
        if (kind == FaultKind.KillAll) return await TryKillAllAsync(site, end);
        var node = kind == FaultKind.KillOldest ? site.TryTake(Oldest) : site.TryTake();
        if (node is null) return false;
        try
        {
            var record = site.Begin(kind, node.Name);
            await node.KillAsync();
            await FaultSite.WaitAsync(site.DrawDuration(DownMin, DownMax), end);
            await node.LaunchAsync();
            await node.WaitReadyAsync(readyMax, end);
            site.End(record);
            return true;
        }
        finally
        {
            site.Give(node);
        }

        // The oldest of all, not of those that are free: when another fault has it, this one waits for its turn.
        IChaosNode? Oldest(IReadOnlyList<IChaosNode> free)
        {
            var oldest = site.Fleet.Nodes.Where(static node => node.IsRunning).MinBy(static node => node.StartedAt);
            return oldest is not null && free.Contains(oldest) ? oldest : null;
        }
    }

    private async Task<bool> TryKillAllAsync(FaultSite site, CancellationToken end)
    {
        if (!site.TryTakeAll()) return false;
        try
        {
            var record = site.Begin(kind, "all");
            await Task.WhenAll(site.Fleet.Nodes.Select(static node => node.KillAsync()));
            await FaultSite.WaitAsync(site.DrawDuration(DownMin, DownMax), end);
            await Task.WhenAll(site.Fleet.Nodes.Select(static node => node.LaunchAsync()));
            await Task.WhenAll(site.Fleet.Nodes.Select(node => node.WaitReadyAsync(readyMax, end)));
            site.End(record);
            return true;
        }
        finally
        {
            site.GiveAll();
        }
    }
}

/// <summary>Freezes a process, sometimes kills it before it wakes up.</summary>
internal sealed class PauseFault(TimeSpan pauseMax) : IFaultInjector
{
    private const int KillPercent = 10;
    private static readonly TimeSpan PauseMin = TimeSpan.FromSeconds(1);

    public FaultKind Kind => FaultKind.Pause;

    public string? Unavailable => null;

    public async Task<bool> TryInjectAsync(FaultSite site, CancellationToken end)
    {
        if (site.TryTake() is not { } node) return false;
        try
        {
            var time = site.DrawSilence(PauseMin, pauseMax);
            var isKilled = site.Draw(0, 100) < KillPercent;
            var record = site.Begin(Kind, node.Name, string.Create(System.Globalization.CultureInfo.InvariantCulture,
                $"{time.TotalSeconds:F1} s{(isKilled ? ", then killed" : "")}"));
            node.Pause();
            await FaultSite.WaitAsync(time, end);
            if (isKilled)
            {
                await node.KillAsync();
                await node.LaunchAsync();
            }
            else
            {
                node.Resume();
            }

            site.End(record);
            return true;
        }
        finally
        {
            site.Give(node);
        }
    }
}

/// <summary>Stops in order: of one node, or of all in turn.</summary>
internal sealed class TerminateFault(FaultKind kind, TimeSpan readyMax) : IFaultInjector
{
    public FaultKind Kind => kind;

    public string? Unavailable => null;

    public async Task<bool> TryInjectAsync(FaultSite site, CancellationToken end)
    {
        if (kind == FaultKind.Terminate)
        {
            if (site.TryTake() is not { } one) return false;
            try
            {
                await RestartAsync(site, one, end);
                return true;
            }
            finally
            {
                site.Give(one);
            }
        }

        if (!site.TryTakeAll()) return false;
        try
        {
            foreach (var node in site.Fleet.Nodes)
            {
                if (end.IsCancellationRequested) break;
                await RestartAsync(site, node, end);
            }

            return true;
        }
        finally
        {
            site.GiveAll();
        }
    }

    private async Task RestartAsync(FaultSite site, IChaosNode node, CancellationToken end)
    {
        var record = site.Begin(kind, node.Name);
        var exit = await node.TerminateAsync(site.MayBeRemoved(node));
        record.Detail = $"exit {exit}";
        await node.LaunchAsync();
        await node.WaitReadyAsync(readyMax, end);
        site.End(record);
    }
}
