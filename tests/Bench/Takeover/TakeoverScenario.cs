using System.Diagnostics;
using System.Globalization;
using EntityActors.Bench.Measurement;
using EntityActors.Tests.Shared;
using EntityActors.Tests.Shared.Networks;
using EntityActors.Tests.Shared.Processes;

namespace EntityActors.Bench.Takeover;

/// <summary>How long shards are away when their node dies, stands still or is stopped, with the real program under load.</summary>
/// <remarks>
/// Each repetition does the same to one of the nodes, waits until every shard of it is written to again, starts the node anew and waits until the shards
/// are spread evenly. A figure is the time from the signal to the first acknowledged write, for one shard; the clients use the other nodes.
/// </remarks>
internal sealed class TakeoverScenario
{
    private static readonly TimeSpan BackTimeout = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan BalanceTimeout = TimeSpan.FromSeconds(90);
    private static readonly TimeSpan AfterTime = TimeSpan.FromSeconds(1.5);
    private static readonly TimeSpan GapToTell = TimeSpan.FromSeconds(1);
    private const int Downed = 7;
    private static readonly TimeSpan PauseTime = TimeSpan.FromSeconds(2);

    private readonly TakeoverOptions _options;
    private readonly ClusterUnderTest _cluster;
    private readonly BridgedNetwork? _network;
    private readonly ShardWriters _writers;
    private readonly List<int> _oldestFirst;
    private readonly List<double> _moved = [];
    private readonly List<double> _others = [];
    private readonly List<string> _failures = [];
    private int _lost;

    private TakeoverScenario(TakeoverOptions options, ClusterUnderTest cluster, BridgedNetwork? network, ShardWriters writers)
    {
        (_options, _cluster, _network, _writers) = (options, cluster, network, writers);
        _oldestFirst = [.. Enumerable.Range(0, options.Nodes)];
    }

    public static async Task<MarkdownTable> RunAsync(TakeoverOptions options)
    {
        using var directory = new TempDirectory("bench-", options.DataDirectory);
        await using var network = options.Kind == TakeoverKind.Cut ? await BridgedNetwork.CreateAsync(options.Nodes) : null;
        List<string> settings = [];
        if (options.HoconFile is not null) settings.Add(options.HoconFile);
        if (network is not null) settings.Add(PlainText(directory));
        await using var cluster = new ClusterUnderTest(Path.Combine(directory.Path, "data"), options.Nodes, options.Shards, [.. settings], network);
        // One after the other, so that it is known who is the oldest.
        for (var node = 0; node < options.Nodes; node++) await cluster.StartNodeAsync(node);
        await using var writers = new ShardWriters(cluster, options.Shards, options.Pace);
        var scenario = new TakeoverScenario(options, cluster, network, writers);
        for (var repetition = 1; repetition <= options.Repetitions; repetition++) await scenario.RepeatAsync(repetition);
        return scenario.Table();
    }

    /// <summary>Nodes of network namespaces listen off loopback, where nobody else can reach them.</summary>
    private static string PlainText(TempDirectory directory)
    {
        var file = directory.File("plain.hocon");
        File.WriteAllText(file, "entityactors.cluster.plain-text = on");
        return file;
    }

    private async Task RepeatAsync(int repetition)
    {
        await WaitBalancedAsync();
        var victim = _oldestFirst[_options.Kind == TakeoverKind.Coordinator ? 0 : 1];
        _writers.Use(Enumerable.Range(0, _options.Nodes).Where(node => node != victim));
        // Requests through the victim that are under way end before, and those that met the last round of moves.
        var even = Stopwatch.GetTimestamp();
        while (Enumerable.Range(0, _options.Shards).Any(shard => _writers.FirstAfter(shard, even) is null)) await Task.Delay(50);
        await Task.Delay(TimeSpan.FromMilliseconds(500) + _options.Pace);
        _failures.AddRange(_writers.TakeFailures());
        var owned = (await _cluster.OwnersAsync(_oldestFirst[^1] == victim ? _oldestFirst[0] : _oldestFirst[^1]))[_cluster.NameOf(victim)].ToHashSet();
        var uid = await UidAsync(victim);
        var moment = Stopwatch.GetTimestamp();
        var exit = await StrikeAsync(victim);
        // The rules that cut a network are several commands; until the last one shards may still answer.
        if (_options.Kind == TakeoverKind.Cut) moment = Stopwatch.GetTimestamp();
        await WaitBackAsync(owned, moment);
        await Task.Delay(AfterTime);
        Record(repetition, owned, moment);
        await RestoreAsync(victim, exit, uid);
    }

    private async Task<Task<int>?> StrikeAsync(int victim)
    {
        switch (_options.Kind)
        {
            case TakeoverKind.Kill or TakeoverKind.Coordinator:
                _cluster.Kill(victim);
                return null;
            case TakeoverKind.Freeze:
                _cluster.Pause(victim);
                return null;
            case TakeoverKind.Cut:
                foreach (var other in Enumerable.Range(0, _options.Nodes).Where(node => node != victim)) await CutAsync(victim, other);
                return _cluster.Node(victim).WaitExitAsync(BackTimeout);
            case TakeoverKind.Sigterm:
                return _cluster.TerminateAsync(victim);
            case TakeoverKind.Pause:
                _cluster.Pause(victim);
                await Task.Delay(PauseTime);
                _cluster.Resume(victim);
                return null;
            default:
                throw new ArgumentOutOfRangeException(nameof(victim), _options.Kind, "an unknown kind");
        }
    }

    private async Task RestoreAsync(int victim, Task<int>? exit, int uid)
    {
        if (_options.Kind == TakeoverKind.Pause)
        {
            if (!_cluster.IsRunning(victim) || await UidAsync(victim) != uid) throw new InvalidDataException($"a pause ended node {victim}\n{_cluster.Output}");
        }
        else
        {
            if (_options.Kind == TakeoverKind.Freeze) _cluster.Resume(victim);
            if (exit is not null && await exit is var code && code != (_options.Kind == TakeoverKind.Cut ? Downed : 0))
                throw new InvalidDataException($"{_options.Kind} ended with {code}\n{_cluster.Output}");
            if (_network is not null) await _network.HealAsync();
            await _cluster.StartNodeAsync(victim);
            _oldestFirst.Remove(victim);
            _oldestFirst.Add(victim);
        }

        _writers.Use(Enumerable.Range(0, _options.Nodes));
    }

    private async Task CutAsync(int one, int other)
    {
        await _network!.CutAsync(one, other);
        await _network.CutAsync(other, one);
    }

    private async Task<int> UidAsync(int node)
    {
        var members = await _cluster.MembersAsync(_oldestFirst.First(other => other != node));
        return members.Single(member => member.Node == _cluster.NameOf(node)).Uid;
    }

    private async Task WaitBackAsync(HashSet<int> owned, long moment)
    {
        while (owned.Any(shard => _writers.FirstAfter(shard, moment) is null))
        {
            if (Stopwatch.GetElapsedTime(moment) > BackTimeout)
                throw new TimeoutException($"not every shard is back after {BackTimeout}\n{string.Join('\n', _writers.TakeFailures())}\n{_cluster.Output}");
            await Task.Delay(20);
        }
    }

    private void Record(int repetition, HashSet<int> owned, long moment)
    {
        var moved = owned.Select(shard => _writers.FirstAfter(shard, moment)!.Value.TotalSeconds).Order().ToList();
        var others = Enumerable.Range(0, _options.Shards).Where(shard => !owned.Contains(shard))
            .Select(shard => _writers.LongestGap(shard, moment).TotalSeconds).Order().ToList();
        var failures = _writers.TakeFailures();
        _moved.AddRange(moved);
        _others.AddRange(others);
        _failures.AddRange(failures);
        _lost += failures.Count;
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{repetition}: {owned.Count} shards back after {moved[0]:F3} to {moved[^1]:F3} s; longest gap of the others {others[^1]:F3} s; {failures.Count} failures"));
        foreach (var failure in failures.Take(3)) Console.WriteLine($"   {failure}");
        for (var shard = 0; shard < _options.Shards; shard++)
        {
            if (!owned.Contains(shard) && _writers.LongestGap(shard, moment) > GapToTell)
                Console.WriteLine($"   shard {shard}, which did not move: {_writers.Describe(shard, moment)}");
        }
    }

    private async Task WaitBalancedAsync()
    {
        var started = Stopwatch.GetTimestamp();
        for (var even = 0; even < 3;)
        {
            if (Stopwatch.GetElapsedTime(started) > BalanceTimeout) throw new TimeoutException($"the shards are not spread evenly\n{_cluster.Output}");
            await Task.Delay(300);
            var owners = await _cluster.OwnersAsync(_oldestFirst[0]);
            var counts = Enumerable.Range(0, _options.Nodes).Select(node => owners[_cluster.NameOf(node)].Count()).ToList();
            // More than one look: a round of moves may just have begun.
            even = counts.Sum() == _options.Shards && counts.Max() - counts.Min() <= 1 ? even + 1 : 0;
        }
    }

    private MarkdownTable Table()
    {
        var table = new MarkdownTable(
            $"Take-over, {_options.Kind}: {_options.Nodes} nodes, {_options.Shards} shards, {_options.Repetitions} repetitions",
            "shards moved", "p50 s", "p99 s", "longest s", "other shards: p99 gap s", "longest gap s", "failed requests");
        table.Add(MarkdownTable.Number(_moved.Count), MarkdownTable.Number(Statistics.Percentile(_moved, 0.5)),
            MarkdownTable.Number(Statistics.Percentile(_moved, 0.99)), MarkdownTable.Number(_moved.Max()),
            MarkdownTable.Number(Statistics.Percentile(_others, 0.99)), MarkdownTable.Number(_others.Max()), _lost.ToString(CultureInfo.InvariantCulture));
        return table;
    }
}
