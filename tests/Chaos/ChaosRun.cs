using System.Diagnostics;
using EntityActors.Chaos.Checks;
using EntityActors.Chaos.Clients;
using EntityActors.Chaos.Faults;
using EntityActors.Chaos.Feeds;
using EntityActors.Chaos.Histories;
using EntityActors.Chaos.Nodes;
using EntityActors.Tests.Shared;
using EntityActors.Tests.Shared.Http;

namespace EntityActors.Chaos;

/// <summary>
/// One run: start the nodes → clients and nemesis side by side → heal everything → clients settle what is open → wait until every shard serves
/// → compare the store with what the clients were told → look for an order of each entity's operations → stop and verify the files.
/// </summary>
/// <param name="clientsFor">Makes clients of the healed nodes for the checks.</param>
public sealed class ChaosRun(ChaosOptions options, IChaosFleet fleet, Func<IReadOnlyList<StoreHttp>> clientsFor, IReadOnlyDictionary<FaultKind, string> unavailable)
{
    public const string Dataset = "chaos";
    private const int NemesisStream = 1;
    private const int SiteStream = 2;
    private const int CheckStream = 3;
    private const int MemberStream = 4;
    private const int FollowerStream = 10;
    private const int ClientStream = 100;

    /// <summary>How long the nemesis waits for a node to come back before it goes on.</summary>
    private static readonly TimeSpan ReadyMax = TimeSpan.FromSeconds(8);

    private readonly ChaosHistory _history = new();
    private readonly List<string> _findings = [];

    public async Task<ChaosResult> RunAsync()
    {
        var site = new FaultSite(fleet, SeedSource.For(options.Seed, SiteStream));
        var (injectors, skipped) = Injectors();
        await fleet.StartAsync();
        var from = fleet.Clock.Now();
        using var stop = new CancellationTokenSource(options.Load);
        using var abandon = new CancellationTokenSource();
        await using var member = options.ActorClientCount > 0 ? fleet.NewMember(SeedSource.For(options.Seed, MemberStream)) : null;
        if (member is not null) await member.StartAsync();
        var clocksStep = injectors.Exists(static injector => injector.Kind == FaultKind.ClockStep);
        var work = Clients(member, clocksStep).Select(client => Task.Run(() => client.RunAsync(stop.Token, abandon.Token))).ToList();
        using var endFeeds = new CancellationTokenSource();
        var followers = Enumerable.Range(0, options.FollowerCount)
            .Select(i => new FeedFollower($"feed-{i}", fleet.Nodes, SeedSource.For(options.Seed, FollowerStream + i))).ToList();
        var following = followers.Select(follower => Task.Run(() => follower.RunAsync(endFeeds.Token))).ToList();
        if (injectors.Count > 0) await new Nemesis(site, injectors, SeedSource.For(options.Seed, NemesisStream)).RunAsync(stop.Token);
        await FaultSite.WaitAsync(Timeout.InfiniteTimeSpan, stop.Token);
        var to = fleet.Clock.Now();

        var healing = Stopwatch.GetTimestamp();
        var isServing = await TryHealAsync();
        var healed = Stopwatch.GetElapsedTime(healing);
        abandon.CancelAfter(options.SettleMax);
        await Task.WhenAll(work);
        foreach (var open in site.Records.Where(static record => record.Ended is null)) site.End(open);
        var result = await CheckAsync(isServing, followers);
        await endFeeds.CancelAsync();
        await Task.WhenAll(following);
        return result with
        {
            Faults = [.. site.Records], Skipped = skipped, Events = [.. fleet.Events], Load = (from, to), HealTime = healed,
        };
    }

    /// <summary>Clients over HTTP at any node, and members of the cluster that speak its protocol.</summary>
    private IEnumerable<ChaosClient> Clients(ActorMember? member, bool clocksStep)
    {
        List<ClientRoute> http = [.. fleet.Nodes.Select(static node => new ClientRoute(node.Name, () => node.Connection))];
        List<ClientRoute> actors = member is null ? [] : [new ClientRoute("member", () => member.Connection)];
        for (var i = 0; i < options.ClientCount + (member is null ? 0 : options.ActorClientCount); i++)
        {
            var isActor = i >= options.ClientCount;
            yield return new ChaosClient(isActor ? $"actor-{i - options.ClientCount}" : $"client-{i}", isActor ? actors : http, _history, fleet.Clock,
                SeedSource.For(options.Seed, ClientStream + i), clocksStep);
        }
    }

    /// <summary>Every process runs and hears every other, the clocks are right, the disk has room; then every shard has to come back.</summary>
    private async Task<bool> TryHealAsync()
    {
        for (var node = 0; node < fleet.Nodes.Count; node++)
        {
            fleet.Nodes[node].Resume();
            fleet.Clocks?.Set(node, TimeSpan.Zero);
        }

        if (fleet.Network is { } network) await network.HealAsync();
        fleet.Disk?.Free();
        foreach (var node in fleet.Nodes) await node.LaunchAsync();
        try
        {
            await fleet.WaitServingAsync(options.HealMax);
            return true;
        }
        catch (TimeoutException late)
        {
            _findings.Add($"the healed store does not serve: {late.Message}");
            return false;
        }
    }

    private async Task<ChaosResult> CheckAsync(bool isServing, IReadOnlyList<FeedFollower> followers)
    {
        var clients = clientsFor();
        var durability = new DurabilityCheck(clients, Dataset, _history, fleet.Clock);
        try
        {
            if (isServing)
            {
                _findings.AddRange(await durability.RunAsync(SeedSource.For(options.Seed, CheckStream)));
                await FeedCheck.WaitAsync(followers, durability.ChangeCount, options.HealMax);
                foreach (var follower in followers) _findings.AddRange(FeedCheck.Run(follower.Name, follower.Given, durability.Changes));
            }
        }
        catch (Exception cause) when (cause is HttpRequestException or OperationCanceledException or IOException)
        {
            _findings.Add($"the healed store does not answer: {cause.Message}");
        }
        finally
        {
            foreach (var client in clients) client.Dispose();
        }

        var order = new LinearizabilityCheck();
        _findings.AddRange(order.Run(_history, durability.LastRevisions));
        _findings.AddRange(_history.Findings);
        var output = fleet.Output;
        _findings.AddRange(await fleet.StopAndVerifyAsync());
        _findings.AddRange(fleet.Findings);
        return new ChaosResult
        {
            Options = options, History = _history, Faults = [], Skipped = [], Events = [], Findings = _findings, Load = default,
            AcknowledgedCount = durability.AcknowledgedCount, ChangeCount = durability.ChangeCount, OpenAppliedCount = durability.OpenAppliedCount,
            FeedConnectionCount = followers.Sum(static follower => follower.ConnectionCount), FeedChangeCount = followers.Sum(static follower => follower.Given.Count),
            RefusedAppliedCount = durability.RefusedAppliedCount, CheckedOperationCount = order.OperationCount, UnknownVerdictCount = order.UnknownCount,
            Output = _findings.Count == 0 ? "" : output,
        };
    }

    private (List<IFaultInjector> Injectors, List<(FaultKind Kind, string Reason)> Skipped) Injectors()
    {
        var injectors = new List<IFaultInjector>();
        var skipped = new List<(FaultKind Kind, string Reason)>();
        foreach (var kind in options.Faults)
        {
            var injector = Injector(kind);
            if (injector.Unavailable is { } reason) skipped.Add((kind, reason));
            else injectors.Add(injector);
        }

        return (injectors, skipped);
    }

    private IFaultInjector Injector(FaultKind kind) => kind switch
    {
        FaultKind.Kill or FaultKind.KillOldest or FaultKind.KillAll => new KillFault(kind, ReadyMax),
        FaultKind.Pause => new PauseFault(options.PauseMax),
        FaultKind.Terminate or FaultKind.RollingRestart => new TerminateFault(kind, ReadyMax),
        FaultKind.Cut or FaultKind.CutOneWay => new NetworkFault(kind, fleet.Network, unavailable.GetValueOrDefault(kind), options.PauseMax),
        FaultKind.ClockStep => new ClockFault(fleet.Clocks, unavailable.GetValueOrDefault(kind)),
        FaultKind.DiskFull => new DiskFullFault(fleet.Disk, unavailable.GetValueOrDefault(kind)),
        FaultKind.DiskError => new DiskErrorFault(unavailable.GetValueOrDefault(kind)),
        _ => throw new InvalidOperationException($"no injector for {kind}"),
    };
}
