using System.Text;
using EntityActors.Tests.Shared;
using EntityActors.Tests.Shared.Http;
using Xunit;

namespace EntityActors.Host.Tests.Http;

/// <summary>Raw content: any bytes of any type, whole or in ranges.</summary>
public sealed class ContentTests(StoreFixture store) : IClassFixture<StoreFixture>
{
    private const string Dataset = "contents";
    private const int ContentBytesMax = 8 * 1024 * 1024;

    [Fact]
    public async Task Content_comes_back_byte_for_byte_with_its_type_and_cannot_run_in_a_browser()
    {
        var bytes = new byte[100_000];
        SeedSource.For(7, 1).NextBytes(bytes);
        await store.Store.PutAsync(Dataset, "bytes", ["a:1"], null);
        var put = await store.Store.PutContentAsync(Dataset, "bytes", bytes, "text/html; charset=utf-8");
        Assert.Equal((200, 2L), (put.Status, put.Commit!.Revision));
        var answer = await store.Http.GetAsync(Path("bytes"));
        Assert.Equal(bytes, answer.Bytes);
        Assert.Equal(("text/html; charset=utf-8", "\"2\"", "nosniff", "sandbox"),
            (answer.Headers["Content-Type"], answer.Headers["ETag"], answer.Headers["X-Content-Type-Options"], answer.Headers["Content-Security-Policy"]));
        Assert.Equal("a:1", Assert.Single((await store.Store.GetAsync(Dataset, "bytes"))!.Tags));
    }

    [Theory]
    [InlineData("bytes=0-3", 206, "0123", "bytes 0-3/10")]
    [InlineData("bytes=7-", 206, "789", "bytes 7-9/10")]
    [InlineData("bytes=-2", 206, "89", "bytes 8-9/10")]
    [InlineData("bytes=5-99", 206, "56789", "bytes 5-9/10")]
    [InlineData("bytes=10-", 416, null, "bytes */10")]
    [InlineData("lines=1-2", 200, "0123456789", null)]
    public async Task Ranges_are_cut_out_or_refused(string range, int status, string? body, string? contentRange)
    {
        await store.Store.PutAsync(Dataset, "range", [], null);
        await store.Store.PutContentAsync(Dataset, "range", "0123456789"u8.ToArray(), "text/plain");
        var answer = await store.Http.GetAsync(Path("range"), $"Range: {range}");
        Assert.True(answer.Status == status, answer.ToString());
        Assert.Equal(contentRange, answer.Headers.GetValueOrDefault("Content-Range"));
        if (body is not null) Assert.Equal(body, answer.Body);
        else Assert.Equal("range_not_satisfiable", answer.Code);
    }

    [Fact]
    public async Task A_range_of_another_revision_gets_the_whole_and_a_condition_that_fails_412()
    {
        await store.Store.PutAsync(Dataset, "if-range", [], "[1,2,3]");
        Assert.Equal(206, (await store.Http.GetAsync(Path("if-range"), "Range: bytes=0-1", "If-Range: \"1\"")).Status);
        Assert.Equal(200, (await store.Http.GetAsync(Path("if-range"), "Range: bytes=0-1", "If-Range: \"9\"")).Status);
        var failed = await store.Http.GetAsync(Path("if-range"), "If-Match: \"9\"");
        Assert.Equal((412, "precondition_failed", "\"1\""), (failed.Status, failed.Code, failed.Headers["ETag"]));
    }

    [Fact]
    public async Task Content_of_the_past_is_what_it_was()
    {
        var first = (await store.Store.PutAsync(Dataset, "past", [], "\"one\"")).Commit!;
        await store.Store.PutContentAsync(Dataset, "past", "two"u8.ToArray(), "text/plain");
        Assert.Equal("\"one\"", (await store.Http.GetAsync($"{Path("past")}?asOf={first.At}")).Body);
        Assert.Equal("two", (await store.Http.GetAsync(Path("past"))).Body);
    }

    [Fact]
    public async Task An_entity_without_content_has_none_and_empty_content_is_content()
    {
        await store.Store.PutAsync(Dataset, "empty", [], null);
        Assert.Equal("not_found", (await store.Http.GetAsync(Path("empty"))).Code);
        Assert.Equal(200, (await store.Store.PutContentAsync(Dataset, "empty", [], "text/plain")).Status);
        var answer = await store.Http.GetAsync(Path("empty"));
        Assert.Equal((200, 0), (answer.Status, answer.Bytes.Length));
    }

    [Theory]
    [InlineData("not json")]
    [InlineData("")]
    [InlineData("{\"a\":")]
    [InlineData("1 2")]
    [InlineData("\"\u00ff")]
    public async Task Bytes_that_only_call_themselves_JSON_stand_under_another_name(string text)
    {
        await store.Store.PutAsync(Dataset, "liar", [], null);
        // Latin-1, so that the last one is no UTF-8 either.
        var bytes = Encoding.Latin1.GetBytes(text);
        await store.Store.PutContentAsync(Dataset, "liar", bytes, "application/json");
        var json = (await store.Http.GetAsync(StoreHttp.EntityPath(Dataset, "liar"))).Json;
        Assert.False(json.TryGetProperty("content", out _));
        Assert.Equal(bytes, json.GetProperty("contentBase64").GetBytesFromBase64());
        Assert.Equal(200, (await store.Http.GetAsync($"/v1/datasets/{Dataset}/entities")).Status);
    }

    [Fact]
    public async Task Content_of_8_MiB_is_the_largest_in_JSON()
    {
        Assert.Equal(201, (await PutJsonAsync(ContentBytesMax)).Status);
        Assert.Equal(ContentBytesMax, (await store.Http.GetAsync(Path("large"))).Bytes.Length);
        Assert.Equal((413, "content_too_large"), ((await PutJsonAsync(ContentBytesMax + 1)).Status, (await PutJsonAsync(ContentBytesMax + 1)).Code));
        Assert.Equal(1, (await store.Store.GetAsync(Dataset, "large"))!.Revision);
    }

    private Task<HttpAnswer> PutJsonAsync(int length) =>
        store.Http.SendAsync("PUT", StoreHttp.EntityPath(Dataset, "large"), $"{{\"contentBase64\":\"{Convert.ToBase64String(new byte[length])}\"}}");

    private static string Path(string id) => StoreHttp.EntityPath(Dataset, id) + "/content";
}
