using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using EntityActors.Tests.Shared;
using EntityActors.Tests.Shared.Http;
using EntityActors.Tests.Shared.Model;

namespace EntityActors.Cluster.Tests.Kill;

/// <summary>
/// Kills a store under load, starts it on the same data and checks it against the reference model, cycle after cycle. A cycle:
/// verify → (half of the time) send what was in flight again under the same command ids → load from all clients → kill at a
/// random moment → sometimes start and kill once more while it recovers → start.
/// </summary>
/// <param name="loadMax">Longest load before a kill; at least 100 ms.</param>
/// <param name="progress">Told one line per cycle: what the cycle's steps took.</param>
internal sealed class KillRun(IStoreUnderTest store, long seed, int clientCount, TimeSpan loadMax, Action<string>? progress = null)
{
    public const string Dataset = "kill-test";
    private const int FindingsShown = 20;
    private const int InspectEveryCycles = 5;
    private const int UntouchedChecked = 50;
    private const int AsOfChecked = 60;
    private const int QueriesChecked = 6;
    private readonly ReferenceModel _model = new();
    private readonly Random _random = SeedSource.For(seed, 0);
    private readonly List<string> _findings = [];
    private readonly ConcurrentQueue<string> _concurrentFindings = new();
    private int _cycle;

    public int AcknowledgedCount { get; private set; }

    /// <summary>Operations of unknown outcome found in the history after a kill.</summary>
    public int InFlightAppliedCount { get; private set; }

    /// <exception cref="InvalidOperationException">The store broke a promise; the message names the seed, the cycle and each finding.</exception>
    public async Task RunAsync(int cycles)
    {
        try
        {
            var address = await store.StartAsync();
            for (_cycle = 1; _cycle <= cycles; _cycle++)
            {
                var begin = Stopwatch.GetTimestamp();
                await LoadUntilKilledAsync(address);
                var loaded = Stopwatch.GetTimestamp();
                if (_random.Next(3) == 0) await store.StartAndKillAsync(TimeSpan.FromMilliseconds(_random.Next(1_000)));
                if (_cycle % (2 * InspectEveryCycles) == 0) await store.VerifyStoppedAsync();
                var closed = Stopwatch.GetTimestamp();
                address = await store.StartAsync();
                var started = Stopwatch.GetTimestamp();
                await VerifyAsync(address, all: _cycle == cycles);
                progress?.Invoke(string.Create(CultureInfo.InvariantCulture,
                    $"cycle {_cycle}: load {Seconds(begin, loaded)} between {Seconds(loaded, closed)} start {Seconds(closed, started)}"
                    + $" check {Seconds(started, Stopwatch.GetTimestamp())} s, {AcknowledgedCount} acknowledged"));
                if (_cycle % InspectEveryCycles != 0 || _cycle % (2 * InspectEveryCycles) == 0) continue;
                await store.StopAsync();
                await store.VerifyStoppedAsync();
                address = await store.StartAsync();
            }
        }
        catch (Exception cause) when (cause is not KillRunException)
        {
            throw new KillRunException($"{Where()}: {cause.Message}\n--- server output\n{store.Output}", cause);
        }
    }

    private async Task LoadUntilKilledAsync(Uri address)
    {
        using var http = new StoreHttp(address, TimeSpan.FromSeconds(15));
        using var killed = new CancellationTokenSource();
        var clients = Enumerable.Range(0, clientCount)
            .Select(i => new LoadClient($"client-{i}", Dataset, _model, SeedSource.For(seed, (_cycle * 1_000) + i + 1)))
            .ToList();
        var work = clients.Select(client => client.RunAsync(http, killed.Token)).ToList();

        // One kill in three falls into the first second of serving, while recovery's own work is still going on.
        var longest = (int)loadMax.TotalMilliseconds;
        await Task.Delay(_random.Next(3) == 0 ? _random.Next(20, Math.Min(1_000, longest)) : _random.Next(longest / 3, longest));
        await store.KillAsync();
        await killed.CancelAsync();
        await Task.WhenAll(work);
        foreach (var client in clients) _findings.AddRange(client.Findings);
        AcknowledgedCount += clients.Sum(client => client.AcknowledgedCount);
        ThrowIfAny();
    }

    private async Task VerifyAsync(Uri address, bool all)
    {
        using var http = new StoreHttp(address);
        var operations = _model.TakeOperations();
        var ids = all
            ? _model.Entities.Keys.Union(operations.Keys).ToList()
            : [.. operations.Keys.Union(Sample(_model.Entities.Keys.Order(StringComparer.Ordinal).ToList(), UntouchedChecked))];
        var inHistory = new ConcurrentDictionary<Operation, long>();
        await Parallel.ForEachAsync(ids, new ParallelOptions { MaxDegreeOfParallelism = 16 }, async (id, _) =>
            await VerifyEntityAsync(http, id, operations.GetValueOrDefault(id) ?? [], all, inHistory));
        InFlightAppliedCount += inHistory.Count;
        ThrowIfAny();
        await VerifyAsOfAsync(http);
        await VerifyQueriesAsync(http);
        ThrowIfAny();
        if (_random.Next(2) == 0) await SendAgainAsync(http, operations, inHistory);
        ThrowIfAny();
    }

    private async Task VerifyEntityAsync(StoreHttp http, string id, List<Operation> operations, bool whole,
        ConcurrentDictionary<Operation, long> inHistory)
    {
        var findings = new List<string>();
        var verified = _model.ChangesOf(id);
        if (whole && verified.Count > 0) CheckPrefix(id, verified, await http.HistoryAsync(Dataset, id), findings);
        var observed = await http.HistoryAsync(Dataset, id, verified.Count == 0 ? null : verified[^1].At);
        HistoryChecker.Check(id, verified, observed, operations, inHistory, findings);
        var last = verified.LastOrDefault();
        Compare(id, "now", last is null || last.After.IsDeleted ? null : last, await http.GetAsync(Dataset, id), findings);
        foreach (var finding in findings) _concurrentFindings.Enqueue(finding);
    }

    private static void CheckPrefix(string id, List<ModelChange> verified, List<ChangeShape> whole, List<string> findings)
    {
        for (var i = 0; i < verified.Count; i++)
        {
            if (i < whole.Count && whole[i].Revision == verified[i].Revision && whole[i].At == verified[i].At) continue;
            findings.Add($"{id}: history no longer holds revision {verified[i].Revision} at {verified[i].At}");
            return;
        }
    }

    private async Task VerifyAsOfAsync(StoreHttp http)
    {
        foreach (var id in Sample(NonEmptyIds(), AsOfChecked))
        {
            var changes = _model.Entities[id];
            var index = _random.Next(changes.Count);
            var at = changes[index].At;
            Compare(id, $"as of {at}", _model.LiveAsOf(id, at), await http.GetAsync(Dataset, id, at), _findings);
            Compare(id, $"as of {at - 1}", _model.LiveAsOf(id, at - 1), await http.GetAsync(Dataset, id, at - 1), _findings);
        }
    }

    private async Task VerifyQueriesAsync(StoreHttp http)
    {
        var ids = NonEmptyIds();
        if (ids.Count == 0) return;
        for (var i = 0; i < QueriesChecked; i++)
        {
            var tag = _random.Next(2) == 0 ? $"color:{_random.Next(LoadClient.ColorCount)}" : $"by:client-{_random.Next(clientCount)}";
            var changes = _model.Entities[ids[_random.Next(ids.Count)]];
            long? asOf = i % 2 == 0 ? null : changes[_random.Next(changes.Count)].At;
            var expected = _model.IdsWithTag(tag, asOf ?? long.MaxValue);
            var answer = await http.QueryAsync(Dataset, [tag], asOf, pageLimit: 97);
            var found = answer.Select(item => item.Id).Order(StringComparer.Ordinal).ToList();
            if (!expected.SequenceEqual(found))
            {
                _findings.Add($"query {tag} as of {asOf}: {found.Count} answers instead of {expected.Count}; too many: "
                    + $"[{string.Join(' ', found.Except(expected).Take(5))}], missing: [{string.Join(' ', expected.Except(found).Take(5))}]"
                    + (found.Count != found.Distinct().Count() ? "; some twice" : ""));
            }

            var total = await http.CountAsync(Dataset, [tag], asOf);
            if (total != expected.Count) _findings.Add($"count of {tag} as of {asOf}: {total} instead of {expected.Count}");
        }
    }

    /// <summary>A client that never got its answer asks again: it must get the first one, or the change now, never a second effect.</summary>
    private async Task SendAgainAsync(StoreHttp http, Dictionary<string, List<Operation>> operations,
        ConcurrentDictionary<Operation, long> inHistory)
    {
        var unknown = operations.Values.SelectMany(list => list).Where(operation => operation.Outcome == OperationOutcome.Unknown);
        foreach (var operation in unknown.ToList())
        {
            var sent = Stopwatch.GetTimestamp();
            var answer = await operation.SendAsync(http, Dataset);
            if (inHistory.TryGetValue(operation, out var revision))
            {
                if (answer.Commit is not { Duplicate: true } commit || commit.Revision != revision)
                    _findings.Add($"{operation.Id}: took effect as revision {revision}, but the retry was answered {answer}: {operation}");
                continue;
            }

            if (answer.Commit is { Duplicate: true }) _findings.Add($"{operation.Id}: answered as a duplicate but not in the history: {operation}");
            if (answer.Commit is null) continue;
            operation.StartedTicks = sent;
            operation.EndedTicks = Stopwatch.GetTimestamp();
            operation.Commit = answer.Commit;
            operation.Outcome = OperationOutcome.Acknowledged;
            _model.Sent(operation);
        }

        // What the retries changed is checked now, because the next clients start from the model.
        foreach (var (id, list) in _model.TakeOperations()) await VerifyEntityAsync(http, id, list, whole: false, inHistory);
    }

    private static void Compare(string id, string when, ModelChange? expected, EntityShape? actual, List<string> findings)
    {
        if (expected is null || actual is null)
        {
            if (expected is not null || actual is not null)
                findings.Add($"{id} {when}: revision {actual?.Revision} instead of {expected?.Revision} (none: absent or deleted)");
            return;
        }

        var state = expected.After;
        if (actual.Revision != expected.Revision || actual.UpdatedAt != expected.At)
            findings.Add($"{id} {when}: revision {actual.Revision} at {actual.UpdatedAt} instead of {expected.Revision} at {expected.At}");
        if (actual.Lifecycle != "active") findings.Add($"{id} {when}: lifecycle {actual.Lifecycle}");
        if (!actual.Tags.Order(StringComparer.Ordinal).SequenceEqual(state.Tags))
            findings.Add($"{id} {when}: tags [{string.Join(' ', actual.Tags)}] instead of [{string.Join(' ', state.Tags)}]");
        if (ModelState.Canonical(actual.ContentText) != state.Content || actual.ContentType != state.ContentType)
            findings.Add($"{id} {when}: content {actual.ContentType} {actual.ContentText} instead of {state.ContentType} {state.Content}");
    }

    private List<string> NonEmptyIds() => [.. _model.Entities.Where(pair => pair.Value.Count > 0).Select(pair => pair.Key).Order(StringComparer.Ordinal)];

    private List<string> Sample(List<string> ids, int count) =>
        ids.Count == 0 ? [] : [.. Enumerable.Range(0, count).Select(_ => ids[_random.Next(ids.Count)]).Distinct()];

    private void ThrowIfAny()
    {
        _findings.AddRange(_concurrentFindings);
        if (_findings.Count == 0) return;
        var shown = string.Join("\n", _findings.Take(FindingsShown));
        throw new KillRunException($"{Where()}: {_findings.Count} findings\n{shown}\n--- server output\n{store.Output}", null) { Findings = [.. _findings] };
    }

    private static string Seconds(long from, long to) => Stopwatch.GetElapsedTime(from, to).TotalSeconds.ToString("F1", CultureInfo.InvariantCulture);

    private string Where() => string.Create(CultureInfo.InvariantCulture, $"{SeedSource.Variable}={seed} cycle {_cycle}");
}
