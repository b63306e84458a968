using System.Globalization;
using EntityActors.Chaos.Nodes;

namespace EntityActors.Chaos.Faults;

/// <summary>Steps of one node's wall clock, forward and back, up to half a minute.</summary>
internal sealed class ClockFault(IClockSteps? clocks, string? unavailable) : IFaultInjector
{
    private static readonly TimeSpan StepMin = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan StepMax = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan TimeMin = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan TimeMax = TimeSpan.FromSeconds(8);

    public FaultKind Kind => FaultKind.ClockStep;

    public string? Unavailable => clocks is null ? unavailable ?? "the nodes use the machine's clock" : null;

    public async Task<bool> TryInjectAsync(FaultSite site, CancellationToken end)
    {
        if (site.TryTake() is not { } node) return false;
        try
        {
            var step = site.DrawDuration(StepMin, StepMax) * (site.Draw(0, 2) == 0 ? 1 : -1);
            var record = site.Begin(Kind, node.Name, step.TotalSeconds.ToString("+0.00;-0.00", CultureInfo.InvariantCulture) + " s");
            var index = NetworkFault.IndexOf(site.Fleet, node);
            clocks!.Set(index, step);
            await FaultSite.WaitAsync(site.DrawDuration(TimeMin, TimeMax), end);
            clocks.Set(index, TimeSpan.Zero);
            site.End(record);
            return true;
        }
        finally
        {
            site.Give(node);
        }
    }
}
