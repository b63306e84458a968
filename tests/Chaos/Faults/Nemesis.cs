namespace EntityActors.Chaos.Faults;

/// <summary>Injects faults one after the other, now and then two at once, in an order that the seed decides.</summary>
/// <param name="random">For the order of faults alone, so that it does not depend on what happens in between.</param>
internal sealed class Nemesis(FaultSite site, IReadOnlyList<IFaultInjector> injectors, Random random)
{
    private const int CombinedPercent = 25;
    private static readonly TimeSpan CalmMin = TimeSpan.FromMilliseconds(200);
    private static readonly TimeSpan CalmMax = TimeSpan.FromSeconds(3);

    public async Task RunAsync(CancellationToken end)
    {
        while (true)
        {
            await FaultSite.WaitAsync(site.DrawDuration(CalmMin, CalmMax), end);
            if (end.IsCancellationRequested) return;
            var (first, second, dice) = (random.Next(injectors.Count), random.Next(injectors.Count), random.Next(100));
            if (dice >= CombinedPercent)
            {
                await injectors[first].TryInjectAsync(site, end);
                continue;
            }

            await Task.WhenAll(injectors[first].TryInjectAsync(site, end), DelayedAsync(injectors[second], end));
        }
    }

    private async Task DelayedAsync(IFaultInjector injector, CancellationToken end)
    {
        await FaultSite.WaitAsync(site.DrawDuration(TimeSpan.FromMilliseconds(10), CalmMax), end);
        if (!end.IsCancellationRequested) await injector.TryInjectAsync(site, end);
    }
}
