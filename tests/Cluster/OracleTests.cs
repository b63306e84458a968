using EntityActors.Tests.Shared.History;
using EntityActors.Tests.Shared.Http;
using Xunit;

namespace EntityActors.Cluster.Tests;

/// <summary>The yardsticks of the other tests, checked against facts known from elsewhere.</summary>
public sealed class OracleTests
{
    [Fact]
    public void The_recorded_history_is_whole()
    {
        var oracle = HistoryOracle.Fold(RealHistory.ReadLines());
        Assert.Equal(RealHistory.EntityCount, oracle.Ids.Length);
        Assert.Equal(RealHistory.LineCount, oracle.ChangeCount + oracle.RefusedLines.Count);
        Assert.Equal(339, oracle.RefusedLines.Count);
        Assert.Equal(RealHistory.LiveAtTheEnd, oracle.LiveIds(oracle.LastAt).Length);
    }

    [Fact]
    public void A_fold_follows_deletes_and_second_lives()
    {
        var oracle = HistoryOracle.Fold(
        [
            Line(1, 10, "a:1", "b:1"), Line(2, 20), Line(3, 30), Line(4, 40, "a:1", "c:1"),
        ]);
        Assert.Equal([3], oracle.RefusedLines);
        Assert.Equal([1L, 2L, 3L], oracle.HistoryOf("id").Select(change => change.Revision));
        Assert.Empty(oracle.LiveIds(9));
        Assert.Single(oracle.LiveIds(10, "b:1"));
        Assert.Empty(oracle.LiveIds(25));
        Assert.Equal<string>(["c:1"], oracle.HistoryOf("id")[2].Added);
        Assert.Equal<string>(["b:1"], oracle.HistoryOf("id")[2].Removed);
        var diff = oracle.Diff("id", 15, 45);
        Assert.Equal<string>(["c:1"], diff.Added);
        Assert.Equal<string>(["b:1"], diff.Removed);
        Assert.Equal((1L, 3L), (diff.RevisionBefore!.Value, diff.RevisionAfter!.Value));
    }

    [Fact]
    public void Times_are_read_to_the_nanosecond()
    {
        const long at = 1_388_326_957_000_000_003;
        Assert.Equal("2013-12-29T14:22:37.000000003Z", Rfc3339.Format(at));
        Assert.Equal(at, Rfc3339.Parse(Rfc3339.Format(at)));
        Assert.Throws<FormatException>(() => Rfc3339.Parse("2013-12-29T14:22:37Z"));
    }

    private static HistoryLine Line(int number, long at, params string[] tags) =>
        new(number, at, tags.Length > 0, "id", [.. tags], tags.Length > 0 ? $"{number}" : null);
}
