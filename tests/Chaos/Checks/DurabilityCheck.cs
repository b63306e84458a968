using System.Collections.Concurrent;
using EntityActors.Chaos.Clients;
using EntityActors.Chaos.Histories;
using EntityActors.Tests.Shared.Http;
using EntityActors.Tests.Shared.Model;

namespace EntityActors.Chaos.Checks;

/// <summary>
/// What the healed store says against what its clients were told: every acknowledged change stands in its entity's history once, where it was
/// acknowledged; nothing else stands there but writes of open outcome; states, queries, counts and answers about the past equal the
/// fold of that history.
/// </summary>
/// <param name="nodes">Any node must give the same answers; they are asked in turn.</param>
internal sealed class DurabilityCheck(IReadOnlyList<StoreHttp> nodes, string dataset, ChaosHistory history, ChaosClock clock)
{
    private const int Parallelism = 8;
    private const int PastChecked = 200;
    private readonly ConcurrentDictionary<string, IReadOnlyList<ModelChange>> _changes = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, long> _lastRevisions = new(StringComparer.Ordinal);
    private readonly ConcurrentQueue<string> _findings = new();
    private int _next;

    public int AcknowledgedCount { get; private set; }

    public int OpenAppliedCount { get; private set; }

    /// <summary>Writes whose last try was refused while an earlier one took effect afterwards or before.</summary>
    public int RefusedAppliedCount { get; private set; }

    public int ChangeCount => _changes.Values.Sum(static changes => changes.Count);

    /// <summary>Changes of each entity as the store tells them, as far as they could be explained.</summary>
    public IReadOnlyDictionary<string, IReadOnlyList<ModelChange>> Changes => _changes;

    /// <summary>Last revision of each entity's history, as the store tells it.</summary>
    public IReadOnlyDictionary<string, long> LastRevisions => _lastRevisions;

    public async Task<IReadOnlyList<string>> RunAsync(Random random)
    {
        var writes = history.Writes.ToLookup(static write => write.Operation.Id, StringComparer.Ordinal);
        var applied = new ConcurrentDictionary<Operation, long>();
        var options = new ParallelOptions { MaxDegreeOfParallelism = Parallelism };
        await Parallel.ForEachAsync(Keyspace.AllIds, options, async (id, _) => await CheckEntityAsync(id, writes[id].ToList(), applied));
        AcknowledgedCount = history.Writes.Count(static write => write.Operation.Outcome == OperationOutcome.Acknowledged);
        OpenAppliedCount = applied.Count;
        RefusedAppliedCount = history.Writes.Count(write => write.IsRefusedAfterUnknown && applied.ContainsKey(write.Operation));
        await Parallel.ForEachAsync(Keyspace.AllTags, options, async (tag, _) => await CheckQueryAsync(tag));
        CheckReadTimes();
        foreach (var past in history.PastReads) CheckPast(past);
        await CheckFoldAsync(random);
        return [.. _findings];
    }

    private StoreHttp Next() => nodes[(Interlocked.Increment(ref _next) & int.MaxValue) % nodes.Count];

    private async Task CheckEntityAsync(string id, List<ClientWrite> writes, ConcurrentDictionary<Operation, long> applied)
    {
        var findings = new List<string>();
        var verified = new List<ModelChange>();
        var observed = await Next().HistoryAsync(dataset, id);
        HistoryChecker.Check(id, verified, observed, [.. writes.Select(static write => write.Operation)], applied, findings);
        _changes[id] = verified;
        _lastRevisions[id] = observed.Count == 0 ? 0 : observed[^1].Revision;
        foreach (var finding in findings) _findings.Enqueue(finding);
        var called = clock.Now();
        var seen = await Next().GetAsync(dataset, id);
        // The last state is one more answer that the whole history has to explain.
        history.Add(new ClientRead("final", "", id, called, clock.Now(), seen, null));
        Compare(id, "in the end", LiveAsOf(id, long.MaxValue), seen);
    }

    private async Task CheckQueryAsync(string tag)
    {
        var expected = IdsWith(tag, Keyspace.AllIds, long.MaxValue);
        var found = (await Next().QueryAsync(dataset, [tag], pageLimit: 7)).Select(static item => item.Id).ToList();
        CompareIds($"query {tag}", expected, found);
        var total = await Next().CountAsync(dataset, [tag]);
        if (total != expected.Count) _findings.Enqueue($"count of {tag}: {total} instead of {expected.Count}");
    }

    /// <summary>A read that showed a revision showed it with the time that it has in the history.</summary>
    private void CheckReadTimes()
    {
        foreach (var read in history.Reads)
        {
            if (read.Seen is not { } seen || _changes[read.Id].FirstOrDefault(change => change.Revision == seen.Revision) is not { } change) continue;
            if (change.At != seen.UpdatedAt) _findings.Enqueue($"revision {seen.Revision} was of {seen.UpdatedAt} and is of {change.At}: {read}");
        }
    }

    private void CheckPast(PastRead past)
    {
        if (past.Tag is { } tag) CompareIds($"query {tag} as of {past.AsOf} under load", IdsWith(tag, past.Ids, past.AsOf), [.. past.Seen.Select(static item => item.Id)]);
        foreach (var seen in past.Seen) Compare(seen.Id, $"as of {past.AsOf} under load", LiveAsOf(seen.Id, past.AsOf), seen);
        if (past is { Tag: null, Seen.Count: 0 }) Compare(past.Ids[0], $"as of {past.AsOf} under load", LiveAsOf(past.Ids[0], past.AsOf), null);
    }

    /// <summary>Moments at and right before changes, drawn at random.</summary>
    private async Task CheckFoldAsync(Random random)
    {
        var all = _changes.Where(static pair => pair.Value.Count > 0).OrderBy(static pair => pair.Key, StringComparer.Ordinal)
            .SelectMany(static pair => pair.Value.Select(change => (Id: pair.Key, change.At))).ToList();
        if (all.Count == 0) return;
        // A node whose clock was ahead stamped changes that this moment has not come to yet; nobody may ask as of the future.
        var now = (DateTimeOffset.UtcNow - DateTimeOffset.UnixEpoch).Ticks * TimeSpan.NanosecondsPerTick;
        var drawn = Enumerable.Range(0, PastChecked).Select(_ => all[random.Next(all.Count)])
            .Select(item => (item.Id, At: item.At - random.Next(2))).Where(item => item.At <= now).ToList();
        await Parallel.ForEachAsync(drawn, new ParallelOptions { MaxDegreeOfParallelism = Parallelism }, async (item, _) =>
            Compare(item.Id, $"as of {item.At}", LiveAsOf(item.Id, item.At), await Next().GetAsync(dataset, item.Id, item.At)));
    }

    private ModelChange? LiveAsOf(string id, long at)
    {
        var last = _changes[id].LastOrDefault(change => change.At <= at);
        return last is null || last.After.IsDeleted ? null : last;
    }

    private List<string> IdsWith(string tag, IEnumerable<string> ids, long at) =>
        [.. ids.Where(id => LiveAsOf(id, at)?.After.Tags.Contains(tag) == true)];

    private void CompareIds(string what, List<string> expected, List<string> found)
    {
        if (expected.Order(StringComparer.Ordinal).SequenceEqual(found.Order(StringComparer.Ordinal))) return;
        _findings.Enqueue($"{what}: {found.Count} answers instead of {expected.Count}; too many: [{string.Join(", ", found.Except(expected).Take(5))}], "
            + $"missing: [{string.Join(", ", expected.Except(found).Take(5))}]");
    }

    private void Compare(string id, string when, ModelChange? expected, EntityShape? seen)
    {
        if (expected?.Revision != seen?.Revision)
        {
            _findings.Enqueue($"{id} {when}: revision {seen?.Revision} instead of {expected?.Revision} (none: absent or deleted)");
            return;
        }

        if (expected is null || seen is null) return;
        if (seen.UpdatedAt != expected.At) _findings.Enqueue($"{id} {when}: revision {seen.Revision} of {seen.UpdatedAt} instead of {expected.At}");
        if (!seen.Tags.Order(StringComparer.Ordinal).SequenceEqual(expected.After.Tags))
            _findings.Enqueue($"{id} {when}: tags [{string.Join(' ', seen.Tags)}] instead of [{string.Join(' ', expected.After.Tags)}]");
        if (ModelState.Canonical(seen.ContentText) != expected.After.Content || seen.ContentType != expected.After.ContentType)
            _findings.Enqueue($"{id} {when}: content {seen.ContentType} {seen.ContentText} instead of {expected.After.ContentType} {expected.After.Content}");
    }
}
