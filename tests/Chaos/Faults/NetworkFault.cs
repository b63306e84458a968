using EntityActors.Chaos.Nodes;
using EntityActors.Tests.Shared.Networks;

namespace EntityActors.Chaos.Faults;

/// <summary>Cuts one node off, or makes it deaf or dumb.</summary>
internal sealed class NetworkFault(FaultKind kind, INetworkCuts? network, string? unavailable, TimeSpan cutMax) : IFaultInjector
{
    private static readonly TimeSpan CutMin = TimeSpan.FromSeconds(1);

    public FaultKind Kind => kind;

    public string? Unavailable => network is null ? unavailable ?? "the nodes share one network" : null;

    public async Task<bool> TryInjectAsync(FaultSite site, CancellationToken end)
    {
        if (site.TryTake() is not { } node) return false;
        try
        {
            var isDeaf = site.Draw(0, 2) == 0;
            var time = site.DrawSilence(CutMin, cutMax);
            var record = site.Begin(kind, node.Name, string.Create(System.Globalization.CultureInfo.InvariantCulture,
                $"{time.TotalSeconds:F1} s{(kind == FaultKind.Cut ? "" : isDeaf ? ", hears nobody" : ", is heard by nobody")}"));
            var own = IndexOf(site.Fleet, node);
            for (var other = 0; other < site.Fleet.Nodes.Count; other++)
            {
                if (other == own) continue;
                if (kind == FaultKind.Cut || !isDeaf) await network!.CutAsync(own, other);
                if (kind == FaultKind.Cut || isDeaf) await network!.CutAsync(other, own);
            }

            await FaultSite.WaitAsync(time, end);
            await network!.HealAsync();
            site.End(record);
            return true;
        }
        finally
        {
            site.Give(node);
        }
    }

    internal static int IndexOf(IChaosFleet fleet, IChaosNode node)
    {
        for (var i = 0; i < fleet.Nodes.Count; i++)
        {
            if (fleet.Nodes[i] == node) return i;
        }

        throw new ArgumentException($"{node.Name} is no node of this fleet");
    }
}
