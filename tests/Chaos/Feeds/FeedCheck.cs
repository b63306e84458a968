using System.Diagnostics;
using EntityActors.Tests.Shared.Model;

namespace EntityActors.Chaos.Feeds;

/// <summary>A feed gave each change of the final history once, each shard's in its order and without a gap, and nothing else.</summary>
public static class FeedCheck
{
    private const int Shown = 5;

    /// <summary>Waits until nobody is behind any more, up to a limit.</summary>
    internal static async Task WaitAsync(IReadOnlyList<FeedFollower> followers, int changeCount, TimeSpan timeout)
    {
        var started = Stopwatch.GetTimestamp();
        while (followers.Any(follower => follower.Given.Count < changeCount) && Stopwatch.GetElapsedTime(started) < timeout) await Task.Delay(50);
    }

    public static IEnumerable<string> Run(string name, IReadOnlyList<FeedChange> given, IReadOnlyDictionary<string, IReadOnlyList<ModelChange>> histories)
    {
        var expected = histories.SelectMany(static history => history.Value.Select(change => (Id: history.Key, change.Revision, change.At))).ToHashSet();
        var actual = given.Select(static change => (change.Id, change.Revision, change.At)).ToList();
        var twice = actual.GroupBy(static change => change).Where(static group => group.Count() > 1).ToList();
        if (twice.Count > 0) yield return $"{name} gave {twice.Count} changes more than once, like {string.Join(", ", twice.Take(Shown).Select(static group => group.Key))}";
        var missing = expected.Except(actual).ToList();
        if (missing.Count > 0) yield return $"{name} did not give {missing.Count} changes, like {string.Join(", ", missing.Take(Shown))}";
        var strange = actual.Except(expected).ToList();
        if (strange.Count > 0) yield return $"{name} gave {strange.Count} changes that stand in no history, like {string.Join(", ", strange.Take(Shown))}";
        foreach (var shard in given.GroupBy(static change => change.Shard))
        {
            FeedChange? last = null;
            foreach (var change in shard)
            {
                var isNext = change.Sequence == (last?.Sequence ?? 0) + 1 || change.Sequence == last?.Sequence;
                if (!isNext || change.RecordedAt <= (last?.RecordedAt ?? 0))
                {
                    yield return $"{name}: in shard {shard.Key} came {change} after {last?.ToString() ?? "nothing"}";
                    break;
                }

                last = change;
            }
        }
    }
}
