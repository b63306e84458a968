using System.Buffers.Text;
using EntityActors.Actors.Client;
using EntityActors.Actors.Protocol;
using EntityActors.Actors.Queries;
using EntityActors.Actors.Tests.Protocol;
using EntityActors.Storage.Model;
using Xunit;

namespace EntityActors.Actors.Tests.Queries;

public sealed class QueryTests
{
    private static readonly TagQuery Query = new("docs", [new("a:b", false)], false, [], Lifecycle.Active);
    private static readonly QueryCursor Cursor = new(new AsOf(new Timestamp(5), new Timestamp(9)), new ShardId(3), 77);

    [Fact]
    public void A_cursor_comes_back_as_it_was() =>
        Assert.Equal(Cursor, QueryCursor.Decode(Cursor.Encode(Query, 4), Query, 4));

    [Fact]
    public void A_cursor_of_another_query_is_refused()
    {
        foreach (var other in new[]
        {
            Query with { Dataset = "other" }, Query with { MatchAny = true }, Query with { Lifecycle = null },
            Query with { Tags = [new("a:b", true)] }, Query with { Tags = [], Not = Query.Tags },
        })
            Assert.Throws<InvalidQueryException>(() => QueryCursor.Decode(Cursor.Encode(Query, 4), other, 4));
    }

    [Fact]
    public void Whatever_is_no_cursor_is_refused()
    {
        var text = Cursor.Encode(Query, 4);
        foreach (var wrong in new[] { "", "x", "!!", "AAAA", text[..^1], text + "A", text + "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "ü" })
            Assert.Throws<InvalidQueryException>(() => QueryCursor.Decode(wrong, Query, 4));
        Assert.Throws<InvalidQueryException>(() => QueryCursor.Decode(text, Query, 3));
    }

    [Fact]
    public void A_cursor_keeps_the_shards_that_were_left_out()
    {
        foreach (var missing in new int[][] { [0], [1, 3, 8], [9], [.. Enumerable.Range(0, 10)] })
        {
            var cursor = Cursor with { Missing = [.. missing.Select(shard => new ShardId(shard))] };
            var text = cursor.Encode(Query, 10);
            Assert.Equal(cursor.Missing.AsEnumerable(), QueryCursor.Decode(text, Query, 10).Missing.AsEnumerable());
            Assert.Equal(Cursor, QueryCursor.Decode(text, Query, 10) with { Missing = [] });
            // A store of nine shards has as many bytes of them, and the last one is none of its own.
            if (missing.Contains(9)) Assert.Throws<InvalidQueryException>(() => QueryCursor.Decode(text, Query, 9));
            Assert.Throws<InvalidQueryException>(() => QueryCursor.Decode(text, Query, 8));
        }

        var none = Base64Url.DecodeFromChars((Cursor with { Missing = [new ShardId(0)] }).Encode(Query, 8));
        none[^1] = 0;
        Assert.Throws<InvalidQueryException>(() => QueryCursor.Decode(Base64Url.EncodeToString(none), Query, 8));
    }

    [Fact]
    public void A_full_page_tells_where_the_next_one_starts()
    {
        var page = new QueryPage(2, long.MaxValue);
        Assert.True(page.TryTake(Found(null, 1), out _));
        Assert.False(page.TryTake(Found(null, 5, 8), out var next));
        Assert.Equal(8u, next);
        Assert.Equal(2, page.Count);
    }

    [Fact]
    public void A_page_ends_where_a_shard_cut_its_answer_short()
    {
        var page = new QueryPage(10, long.MaxValue);
        Assert.False(page.TryTake(Found(9, 1, 2), out var next));
        Assert.Equal(9u, next);
        Assert.Equal(2, page.Count);
    }

    [Fact]
    public void A_page_is_bounded_in_bytes_but_holds_at_least_one()
    {
        var page = new QueryPage(10, 2);
        Assert.False(page.TryTake(Found(null, 1, 2), out var next));
        Assert.Equal(2u, next);
        Assert.Equal(1, page.Count);
    }

    [Fact]
    public void Tags_are_added_up_over_shards_in_the_order_of_their_bytes()
    {
        var page = TagListRunner.Merge(
        [
            new TagsFound(new ShardId(0), [new("a:\uE000", 1), new("a:\U0001F600", 2)], false),
            new TagsFound(new ShardId(1), [new("a:", 4), new("a:\uE000", 8)], false),
        ], 3);
        Assert.Equal([new TagCount("a:", 4), new TagCount("a:\uE000", 9), new TagCount("a:\U0001F600", 2)], page.Items.AsEnumerable());
        Assert.False(page.HasMore);
        Assert.True(TagListRunner.Merge([new TagsFound(new ShardId(0), [new("a:a", 1), new("a:b", 2)], false)], 1).HasMore);
    }

    private static EntitiesFound Found(uint? next, params uint[] ordinals) => new(new ShardId(1),
        [.. ordinals.Select(ordinal => new EntitySnapshot(Samples.Head with { Ordinal = ordinal }, new Content("t/t", new byte[3])))], next, null);
}
