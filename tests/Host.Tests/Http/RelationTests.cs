using Xunit;

namespace EntityActors.Host.Tests.Http;

/// <summary>Walks along tags whose values are ids.</summary>
public sealed class RelationTests(StoreFixture store) : IClassFixture<StoreFixture>, IAsyncLifetime
{
    private const string Dataset = "relations";

    // a → b → c → a is a cycle; d hangs on c; e names b by another tag; colors are no entities.
    public async Task InitializeAsync()
    {
        if (await store.Store.CountAsync(Dataset, []) > 0) return;
        await store.Store.PutAsync(Dataset, "a", ["next:b", "color:red"], null);
        await store.Store.PutAsync(Dataset, "b", ["next:c"], null);
        await store.Store.PutAsync(Dataset, "c", ["next:a", "next:d"], null);
        await store.Store.PutAsync(Dataset, "d", ["self:d"], null);
        await store.Store.PutAsync(Dataset, "e", ["likes:b", "next:gone"], null);
        await store.Store.PutAsync(Dataset, "gone", ["next:a"], null);
        await store.Store.DeleteAsync(Dataset, "gone");
    }

    public Task DisposeAsync() => Task.CompletedTask;

    [Theory]
    [InlineData("a", "", "a0 b1", "a next b")]
    [InlineData("a", "depth=2", "a0 b1 c2", "a next b,b next c")]
    [InlineData("a", "depth=5", "a0 b1 c2 d3", "a next b,b next c,c next a,c next d,d self d")]
    [InlineData("b", "direction=in", "b0 a1 e1", "a next b,e likes b")]
    [InlineData("b", "direction=in&type=likes", "b0 e1", "e likes b")]
    [InlineData("b", "direction=in&depth=2", "b0 a1 e1 c2", "a next b,c next a,e likes b")]
    [InlineData("b", "direction=both", "b0 a1 c1 e1", "a next b,b next c,e likes b")]
    [InlineData("d", "direction=in&depth=5&type=next", "d0 c1 b2 a3", "a next b,b next c,c next a,c next d")]
    [InlineData("e", "", "e0 b1", "e likes b")]
    [InlineData("e", "type=next", "e0", "")]
    public async Task A_walk_finds_nodes_and_edges_once(string start, string query, string nodes, string edges)
    {
        var answer = await store.Http.GetAsync($"/v1/datasets/{Dataset}/entities/{start}/relations?{query}");
        Assert.True(answer.Status == 200, answer.ToString());
        Assert.Equal(nodes, Nodes(answer));
        Assert.Equal(edges, string.Join(',', answer.Json.GetProperty("edges").EnumerateArray()
            .Select(edge => $"{edge.GetProperty("from").GetString()} {edge.GetProperty("type").GetString()} {edge.GetProperty("to").GetString()}")));
        Assert.False(answer.Json.GetProperty("truncated").GetBoolean());
    }

    [Fact]
    public async Task A_limit_ends_the_walk_and_says_so()
    {
        var answer = await store.Http.GetAsync($"/v1/datasets/{Dataset}/entities/a/relations?depth=5&limit=2");
        Assert.Equal("a0 b1", Nodes(answer));
        Assert.True(answer.Json.GetProperty("truncated").GetBoolean());
        for (var i = 0; i < 30; i++) await store.Store.PutAsync("many-relations", $"r{i}", ["to:hub"], null);
        await store.Store.PutAsync("many-relations", "hub", [], null);
        var cut = await store.Http.GetAsync("/v1/datasets/many-relations/entities/hub/relations?direction=in&limit=10");
        Assert.Equal((10, true), (cut.Json.GetProperty("nodes").GetArrayLength(), cut.Json.GetProperty("truncated").GetBoolean()));
        var all = await store.Http.GetAsync("/v1/datasets/many-relations/entities/hub/relations?direction=in");
        Assert.Equal((31, 30, false), (all.Json.GetProperty("nodes").GetArrayLength(), all.Json.GetProperty("edges").GetArrayLength(),
            all.Json.GetProperty("truncated").GetBoolean()));
    }

    [Fact]
    public async Task A_walk_can_be_asked_as_of_any_moment()
    {
        await store.Store.PutAsync("past-relations", "to", [], null);
        var put = (await store.Store.PutAsync("past-relations", "from", ["is:to"], null)).Commit!;
        await store.Store.PatchTagsAsync("past-relations", "from", [], ["is:to"]);
        await store.Store.DeleteAsync("past-relations", "to");
        const string path = "/v1/datasets/past-relations/entities/";
        Assert.Equal("from0", Nodes(await store.Http.GetAsync(path + "from/relations")));
        Assert.Equal("from0 to1", Nodes(await store.Http.GetAsync($"{path}from/relations?asOf={put.At}")));
        Assert.Equal("to0 from1", Nodes(await store.Http.GetAsync($"{path}to/relations?direction=in&asOf={put.At}")));
        Assert.Equal("to0", Nodes(await store.Http.GetAsync($"{path}to/relations?direction=both&asOf={put.At - 1}")));
        Assert.Equal(404, (await store.Http.GetAsync(path + "to/relations")).Status);
    }

    [Theory]
    [InlineData("a", "depth=0", 400)]
    [InlineData("a", "depth=6", 400)]
    [InlineData("a", "direction=up", 400)]
    [InlineData("a", "type=a:b", 400)]
    [InlineData("a", "type=", 400)]
    [InlineData("a", "limit=1001", 400)]
    [InlineData("none", "", 404)]
    [InlineData("gone", "", 404)]
    public async Task What_cannot_be_walked_is_refused(string start, string query, int status) =>
        Assert.Equal(status, (await store.Http.GetAsync($"/v1/datasets/{Dataset}/entities/{start}/relations?{query}")).Status);

    private static string Nodes(HttpAnswer answer) => string.Join(' ',
        answer.Json.GetProperty("nodes").EnumerateArray().Select(node => node.GetProperty("id").GetString() + node.GetProperty("depth")));
}
