using EntityActors.Chaos.Feeds;
using EntityActors.Tests.Shared.Model;
using Xunit;

namespace EntityActors.Cluster.Tests.Chaos;

public sealed class FeedCheckTests
{
    private static readonly Dictionary<string, IReadOnlyList<ModelChange>> Histories = new()
    {
        ["a"] = [Change(1, 10), Change(2, 20)], ["b"] = [Change(1, 30)],
    };

    [Fact]
    public void A_feed_that_gives_each_change_once_and_in_order_is_accepted() =>
        Assert.Empty(FeedCheck.Run("feed", [Given("a", 1, 10, 1), Given("a", 2, 20, 2), Given("b", 1, 30, 2)], Histories));

    [Fact]
    public void A_change_that_is_left_out_is_found() =>
        Assert.Equal(2, FeedCheck.Run("feed", [Given("a", 1, 10, 1), Given("b", 1, 30, 3)], Histories).Count());

    [Fact]
    public void A_change_that_is_given_twice_is_found() =>
        Assert.Contains("more than once", FeedCheck.Run("feed",
            [Given("a", 1, 10, 1), Given("a", 2, 20, 2), Given("a", 2, 20, 2), Given("b", 1, 30, 3)], Histories).First(), StringComparison.Ordinal);

    [Fact]
    public void A_change_that_stands_in_no_history_is_found() =>
        Assert.Contains("no history", Assert.Single(FeedCheck.Run("feed",
            [Given("a", 1, 10, 1), Given("a", 2, 20, 2), Given("b", 1, 30, 3), Given("b", 2, 40, 4)], Histories)), StringComparison.Ordinal);

    [Fact]
    public void Changes_of_a_shard_against_their_order_are_found() =>
        Assert.Contains("after", Assert.Single(FeedCheck.Run("feed",
            [Given("a", 1, 10, 1), Given("b", 1, 30, 3), Given("a", 2, 20, 2)], Histories)), StringComparison.Ordinal);

    private static ModelChange Change(long revision, long at) => new(revision, at, new ModelState(false, [], null, null));

    private static FeedChange Given(string id, long revision, long at, long sequence) => new(id, revision, at, at, 0, sequence, "");
}
