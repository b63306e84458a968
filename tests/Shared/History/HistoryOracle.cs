using System.Collections.Immutable;

namespace EntityActors.Tests.Shared.History;

/// <summary>
/// The answers to questions about the recorded history, folded from the file with plain dictionaries. It shares no code with
/// the store, so that both agreeing means something.
/// </summary>
public sealed class HistoryOracle
{
    private readonly Dictionary<string, List<OracleChange>> _changes = new(StringComparer.Ordinal);
    private readonly List<int> _refusedLines = [];

    private HistoryOracle()
    {
    }

    /// <summary>Every id that ever had a change, in ordinal order.</summary>
    public ImmutableArray<string> Ids { get; private set; } = [];

    /// <summary>Number of changes the store must hold.</summary>
    public int ChangeCount { get; private set; }

    /// <summary>Lines that change nothing, because they delete what is not there: the store must refuse exactly these.</summary>
    public IReadOnlyList<int> RefusedLines => _refusedLines;

    /// <summary>Time of the newest change.</summary>
    public long LastAt { get; private set; }

    public static HistoryOracle Fold(IEnumerable<HistoryLine> lines)
    {
        var oracle = new HistoryOracle();
        foreach (var line in lines) oracle.Add(line);
        oracle.Ids = [.. oracle._changes.Keys.Order(StringComparer.Ordinal)];
        return oracle;
    }

    public IReadOnlyList<OracleChange> HistoryOf(string id) => _changes.TryGetValue(id, out var changes) ? changes : [];

    /// <summary>State of a live entity at a moment; null before its creation and while it is deleted.</summary>
    public OracleChange? StateAsOf(string id, long at)
    {
        var last = HistoryOf(id).LastOrDefault(change => change.At <= at);
        return last is { IsPut: true } ? last : null;
    }

    /// <summary>Live entities at a moment, those with a tag when one is given, in ordinal order.</summary>
    public ImmutableArray<string> LiveIds(long at, string? tag = null) =>
        [.. Ids.Where(id => StateAsOf(id, at) is { } state && (tag is null || state.Tags.Contains(tag)))];

    /// <summary>Number of live entities by tag, for the tags with a prefix.</summary>
    public SortedDictionary<string, long> CountTags(long at, string prefix)
    {
        var counts = new SortedDictionary<string, long>(StringComparer.Ordinal);
        foreach (var id in Ids)
        {
            foreach (var tag in StateAsOf(id, at)?.Tags ?? [])
            {
                if (tag.StartsWith(prefix, StringComparison.Ordinal)) counts[tag] = counts.GetValueOrDefault(tag) + 1;
            }
        }

        return counts;
    }

    public OracleDiff Diff(string id, long from, long to)
    {
        var (before, after) = (StateAsOf(id, from), StateAsOf(id, to));
        var (held, holds) = (before?.Tags ?? [], after?.Tags ?? []);
        return new OracleDiff(
            [.. holds.Except(held).Order(StringComparer.Ordinal)], [.. held.Except(holds).Order(StringComparer.Ordinal)],
            before?.ContentJson != after?.ContentJson, before?.Revision, after?.Revision);
    }

    private void Add(HistoryLine line)
    {
        var before = HistoryOf(line.Id);
        var last = before.Count == 0 ? null : before[^1];
        if (!line.IsPut && last is not { IsPut: true })
        {
            _refusedLines.Add(line.Number);
            return;
        }

        var held = last?.Tags ?? [];
        ImmutableArray<string> tags = line.IsPut ? [.. line.Tags.Distinct().Order(StringComparer.Ordinal)] : held;
        var change = new OracleChange(
            before.Count + 1, line.At, line.IsPut,
            [.. tags.Except(held).Order(StringComparer.Ordinal)], [.. held.Except(tags).Order(StringComparer.Ordinal)],
            tags, line.IsPut ? line.ContentJson : last!.ContentJson);
        if (last is null) _changes[line.Id] = [];
        _changes[line.Id].Add(change);
        ChangeCount++;
        LastAt = line.At;
    }
}
