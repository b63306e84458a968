using EntityActors.Storage.Model;
using EntityActors.Storage.Shards;

namespace EntityActors.Simulation.Tests.Model;

/// <summary>Compares every kind of answer of a shard with the model's.</summary>
internal static class ShardComparison
{
    public static readonly Lifecycle[] Lifecycles = [Lifecycle.Active, Lifecycle.Deleted, Lifecycle.Archived];

    /// <param name="isThorough">Whole histories of all entities, not of a few.</param>
    public static void Compare(ShardStore store, ModelShard model, Random random, bool isThorough)
    {
        var readiness = store.TryBeginRead(null, null, out var now);
        SimulationViolation.Unless(readiness == ReadReadiness.Ready, $"a read of what is applied is answered {readiness}");
        model.Answer(now.RecordedAt);
        using var view = store.View();
        var keys = model.Keys.ToArray();
        foreach (var key in keys) CompareState(view, model, key, now);
        CompareCounts(store, model);
        var (trim, known) = (model.Trims.LastOrDefault(), store.Trims.GetValueOrDefault(Workload.Dataset));
        SimulationViolation.Unless(trim == known, $"the last trim is {known}, not {trim}");
        CompareQuery(view, model, random, now);
        if (keys.Length == 0) return;
        if (isThorough)
        {
            foreach (var key in keys) CompareHistory(view, model, key, now);
        }
        else
        {
            // What came last is what a crash can harm.
            foreach (var item in model.Event(model.Submitted).Where(static item => item.Change.Key.Dataset == Workload.Dataset))
                CompareHistory(view, model, item.Change.Key, now);
            CompareHistory(view, model, keys[random.Next(keys.Length)], now);
        }

        var moment = model.Event(1 + random.NextInt64(model.Submitted))[0].Change.RecordedAt;
        foreach (var asOf in new[] { new AsOf(moment, now.RecordedAt), new AsOf(moment, moment) })
        {
            for (var i = 0; i < (isThorough ? keys.Length : 3); i++) CompareState(view, model, isThorough ? keys[i] : keys[random.Next(keys.Length)], asOf);
            CompareQuery(view, model, random, asOf);
        }
    }

    public static void CompareCounts(ShardStore store, ModelShard model)
    {
        var statistics = store.Statistics;
        SimulationViolation.Unless(statistics.Sequence.Value == model.Submitted, $"event {statistics.Sequence} is the last applied, not {model.Submitted}");
        // History of purged entities counts until it is erased.
        if (!store.IsErased) return;
        SimulationViolation.Unless(statistics.EntityCount == model.LivingCount, $"{statistics.EntityCount} entities are counted, not {model.LivingCount}");
        SimulationViolation.Unless(statistics.TagCount == model.TagCount, $"{statistics.TagCount} tags are counted, not {model.TagCount}");
    }

    public static void CompareState(ShardView view, ModelShard model, EntityKey key, AsOf asOf)
    {
        if (model.IsTrimmed(key, asOf))
        {
            SimulationViolation.Unless(IsRefused(() => view.Get(key, asOf)), $"{key} as of {asOf.At}/{asOf.RecordedAt} was trimmed and is answered");
            return;
        }

        var expected = model.State(key, asOf);
        var actual = view.Get(key, asOf);
        var difference = ModelState.Difference(expected, actual);
        SimulationViolation.Unless(difference is null, $"{key} as of {asOf.At}/{asOf.RecordedAt}: {difference}");
        if (actual is null) return;
        CompareContent(key, expected!.Content, view.ContentOf(actual));
        SimulationViolation.Unless(view.GetByOrdinal(actual.Ordinal, asOf)?.Key == key, $"ordinal {actual.Ordinal} is another entity than {key}");
    }

    private static bool IsRefused(Action read)
    {
        try
        {
            read();
            return false;
        }
        catch (HistoryTrimmedException)
        {
            return true;
        }
    }

    private static void CompareContent(EntityKey key, Content? expected, Content? actual) =>
        SimulationViolation.Unless(expected?.ContentType == actual?.ContentType
            && (expected?.Bytes ?? default).Span.SequenceEqual((actual?.Bytes ?? default).Span), $"{key} has another content");

    public static void CompareHistory(ShardView view, ModelShard model, EntityKey key, AsOf now)
    {
        var first = model.BaseOf(key);
        IReadOnlyList<ModelChange> expected = model.IsPurged(key) ? [model.History(key)[^1]] : [.. model.History(key).Skip((int)first - 1)];
        var actual = view.History(key, null, null, 0, int.MaxValue, long.MaxValue, now, out _, out _);
        SimulationViolation.Unless(expected.Count == actual.Count, $"{key} has {actual.Count} changes, not {expected.Count}");
        for (var i = 0; i < actual.Count; i++)
        {
            var (change, found) = (expected[i].Change, actual[i]);
            if (i == 0 && first > 1)
            {
                CompareBase(key, expected[0].After, found);
                continue;
            }

            var isSame = change.Added.SequenceEqual(found.Added) && change.Removed.SequenceEqual(found.Removed)
                && change with { Added = [], Removed = [], Content = null } == found with { Added = [], Removed = [], Content = null };
            SimulationViolation.Unless(isSame, $"{key}: change {found} is not {change}");
            SimulationViolation.Unless(change.Content is null == found.Content is null, $"{key}: revision {change.Revision} sets no content any more");
            CompareContent(key, change.Content, found.Content);
        }
    }

    /// <summary>The first change that is left has the whole state.</summary>
    private static void CompareBase(EntityKey key, ModelState state, Change found)
    {
        var isSame = found.IsBase && (state.Revision, state.UpdatedAt, state.Lifecycle) == (found.Revision, found.At, found.Lifecycle)
            && state.Tags.SequenceEqual(found.Added.Select(static tag => tag.Text)) && found.Removed.IsEmpty;
        SimulationViolation.Unless(isSame, $"{key}: base {found} is not {state}");
        CompareContent(key, state.Content?.ContentType is null ? null : state.Content, found.Content?.ContentType is null ? null : found.Content);
    }

    private static void CompareQuery(ShardView view, ModelShard model, Random random, AsOf asOf) =>
        CompareQuery(view, model, Lifecycles[random.Next(Lifecycles.Length)], Workload.Tags[random.Next(Workload.Tags.Length)], asOf);

    public static void CompareQuery(ShardView view, ModelShard model, Lifecycle lifecycle, TagPattern tag, AsOf asOf)
    {
        var query = new TagQuery(Workload.Dataset, [tag], false, [], lifecycle);
        if (model.IsBeforeHorizon(asOf))
        {
            SimulationViolation.Unless(IsRefused(() => view.Find(query, asOf)), $"a query as of {asOf.At}/{asOf.RecordedAt} before the horizon is answered");
            return;
        }

        var found = view.Find(query, asOf).From(0).ToHashSet();
        var expected = new HashSet<uint>();
        foreach (var key in model.Keys)
        {
            if (model.State(key, asOf) is { } state && state.Lifecycle == lifecycle && state.Tags.Contains(tag.Text))
                expected.Add(model.History(key)[0].Change.Ordinal);
        }

        SimulationViolation.Unless(found.SetEquals(expected), $"{lifecycle} {tag.Text} as of {asOf.At}/{asOf.RecordedAt}: {found.Count} entities, not {expected.Count}");
    }
}
