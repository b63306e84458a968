using System.Globalization;
using System.Text;
using EntityActors.Chaos.Histories;
using EntityActors.Tests.Shared.Linearizability;

namespace EntityActors.Chaos.Checks;

/// <summary>Checks the history of each entity by itself, which is enough: linearizability is local.</summary>
/// <param name="searchedMax">Searched sets from which one entity's search is given up, which counts as a failure.</param>
internal sealed class LinearizabilityCheck(long searchedMax = 3_000_000)
{
    private const int WindowShown = 14;

    public int EntityCount { get; private set; }

    public int OperationCount { get; private set; }

    public int UnknownCount { get; private set; }

    public long SearchedMost { get; private set; }

    /// <returns>One finding for each entity whose history has no order, or for which none was found in time.</returns>
    /// <param name="lastRevisions">Last revision of each entity's final history; empty when that could not be read.</param>
    public IReadOnlyList<string> Run(ChaosHistory history, IReadOnlyDictionary<string, long> lastRevisions)
    {
        var reads = history.Reads.ToLookup(static read => read.Id, StringComparer.Ordinal);
        var writes = history.Writes.ToLookup(static write => write.Operation.Id, StringComparer.Ordinal);
        var findings = new List<string>();
        foreach (var id in reads.Select(static group => group.Key).Union(writes.Select(static group => group.Key)).Order(StringComparer.Ordinal))
        {
            var entity = new EntityOperations(id, writes[id], reads[id], lastRevisions.TryGetValue(id, out var last) ? last : null);
            EntityCount++;
            OperationCount += entity.Operations.Count;
            var checker = new LinearizabilityChecker<RegisterState>(RegisterState.Absent);
            var verdict = checker.Check(entity.Operations, searchedMax);
            SearchedMost = Math.Max(SearchedMost, checker.Searched);
            if (verdict == LinearizabilityVerdict.Linearizable) continue;
            if (verdict == LinearizabilityVerdict.Unknown) UnknownCount++;
            findings.Add(verdict == LinearizabilityVerdict.Unknown
                ? $"{id}: no verdict within {searchedMax} searched sets for {entity.Operations.Count} operations"
                : Explain(entity));
        }

        return findings;
    }

    /// <summary>A history without an order has a shortest beginning without one; its last return is where the store went wrong at the latest.</summary>
    private string Explain(EntityOperations entity)
    {
        var returns = entity.Operations.Where(static operation => operation.Returned is not null)
            .Select(static operation => operation.Returned!.Value).Order().ToList();
        var (low, high) = (0, returns.Count - 1);
        while (low < high)
        {
            var middle = (low + high) / 2;
            var verdict = new LinearizabilityChecker<RegisterState>(RegisterState.Absent).Check(entity.Until(returns[middle]), searchedMax);
            if (verdict == LinearizabilityVerdict.Linearizable) low = middle + 1;
            else high = middle;
        }

        var moment = returns[low];
        var text = new StringBuilder($"{entity.Id}: the answers up to {At(moment)} have no order; the last operations before it:");
        var window = entity.Operations.Where(operation => operation.Called < moment && operation.Returned is not null)
            .OrderBy(static operation => operation.Called).TakeLast(WindowShown);
        foreach (var operation in window)
            text.Append("\n  ").Append(At(operation.Called)).Append(" to ").Append(At(operation.Returned!.Value)).Append("  ").Append(operation.Name);
        foreach (var open in entity.Operations.Where(operation => operation.Called < moment && operation.Returned is null).Take(WindowShown))
            text.Append("\n  ").Append(At(open.Called)).Append(" open  ").Append(open.Name);
        return text.ToString();
    }

    private static string At(long ticks) => ChaosClock.Seconds(ticks).ToString("F4", CultureInfo.InvariantCulture) + " s";
}
