using System.Text;
using EntityActors.Tests.Shared.Http;
using Xunit;

namespace EntityActors.Host.Tests.Http;

/// <summary>What no client should send: always a 4xx with a code, never a 500, never a hang, and nothing is stored.</summary>
public sealed class BadInputTests(StoreFixture store) : IClassFixture<StoreFixture>, IAsyncLifetime
{
    private const string Dataset = "bad";
    private const string Entity = "/v1/datasets/bad/entities/known";
    private const string Entities = "/v1/datasets/bad/entities";
    private const string Json = "Content-Type: application/json";
    private const string Good = """{"tags":["a:1"],"content":1}""";

    public async Task InitializeAsync()
    {
        if (await store.Store.GetAsync(Dataset, "known") is null) await store.Store.PutAsync(Dataset, "known", ["a:1"], """{"kept":true}""");
    }

    public Task DisposeAsync() => Task.CompletedTask;

    public static TheoryData<string> BadPaths => new()
    {
        "/v1/datasets/bad/entities/" + new string('x', 257), "/v1/datasets/bad/entities/" + Repeat("%C3%A9", 129),
        "/v1/datasets/bad/entities/%ED%A0%80", "/v1/datasets/bad/entities/%FF", "/v1/datasets/bad/entities/%C3", "/v1/datasets/bad/entities/%C0%80",
        "/v1/datasets/bad/entities/%F4%90%80%80", "/v1/datasets/bad/entities/%", "/v1/datasets/bad/entities/%2", "/v1/datasets/bad/entities/%zz",
        "/v1/datasets/bad/entities/..", "/v1/datasets/bad/entities/.", "/v1/datasets/bad/entities/%2e%2E", "/v1/datasets/bad/entities/x/../known",
        "/v1/datasets/bad/../bad/entities/known", "//v1/datasets/bad/entities/known", "/v1//datasets/bad/entities/known",
        "/v1/datasets/bad/entities//known", "/v1/datasets/bad/entities/known/", "/v1/datasets//entities/known",
        "/V1/datasets/bad/entities/known", "/v1/datasets/b%20d/entities/x", "/v1/datasets/.bad/entities/x", "/v1/datasets/-/entities/x",
        "/v1/datasets/%2Fbad/entities/x", "/v1/datasets/b%C3%A4d/entities/x", "/v1/datasets/bad%0A/entities/x",
        "/v1/datasets/" + new string('d', 65) + "/entities/x", "/v1/datasets/bad%5C/entities/x",
    };

    public static TheoryData<string> UnknownRoutes => new()
    {
        "/", "/v1", "/v1/datasets/bad/entities/known/nothing", "/v1/datasets/bad/entities/known/tags/x", "/v2/shards", "/favicon.ico",
        "/v1/datasets/bad/entities/a/b", "/v1/datasets\\bad\\entities\\known",
    };

    public static TheoryData<string> BadBodies => new()
    {
        "", " ", "{", "nonsense", "null", "1", "\"text\"", "[]", """{"tags":["a:1"]} x""", """{"tags":["a:1"],}""", """{'tags':[]}""", "{\"tags\":[]/*x*/}",
        """{"tags":null}""", """{"tags":"a:1"}""", """{"tags":{}}""", """{"tags":[1]}""", """{"tags":[null]}""", """{"tags":[["a:1"]]}""",
        """{"tags":[""]}""", """{"tags":["nocolon"]}""", """{"tags":[":novalue"]}""", """{"tags":["\ud800:1"]}""", """{"tags":["a:\udfff"]}""",
        """{"tags":[],"tags":["a:1"]}""", """{"tags":[],"colour":1}""", """{"Tags":[]}""", """{"tags":[],"\ud800":1}""", """{"tags":[],"id":"other"}""",
        """{"tags":[],"content":{"a":1,"a":2}}""", """{"tags":[],"content":1,"contentBase64":"AA=="}""", """{"tags":[],"contentBase64":"***"}""",
        """{"tags":[],"contentBase64":1}""", """{"tags":[],"contentBase64":"\ud800"}""", """{"tags":[],"contentType":"text/plain"}""",
        """{"tags":[],"content":1,"contentType":"text/plain"}""", """{"tags":[],"content":"x","contentType":"nonsense"}""",
        """{"tags":[],"content":"x","contentType":""}""", """{"tags":[],"content":"x","contentType":"text/plain\r\nX-Bad: 1"}""",
        """{"tags":[],"content":"x","contentType":"text/plain; a=\"é\""}""", """{"tags":[],"content":"x","contentType":null}""",
        """{"tags":[],"content":"\ud800","contentType":"text/plain"}""", """{"tags":[],"content":NaN}""", """{"tags":[],"content":01}""",
        """{"tags":[],"at":"yesterday"}""", """{"tags":[],"at":""}""", """{"tags":[],"at":0}""", """{"tags":[],"at":-5}""", """{"tags":[],"at":1.5}""",
        """{"tags":[],"at":1e99}""", """{"tags":[],"at":null}""", """{"tags":[],"at":true}""", """{"tags":[],"at":"2024-02-30T00:00:00Z"}""",
        """{"tags":[],"at":"2024-01-01T00:00:00"}""", """{"tags":[],"at":"2999-01-01T00:00:00Z"}""", """{"tags":[],"at":99999999999999999999}""",
        """{"tags":["a:""" + new string('x', 511) + "\"]}", """{"tags":["a:""" + Repeat("é", 256) + "\"]}",
        """{"tags":[""" + string.Join(',', Enumerable.Range(0, 1_001).Select(i => $"\"t:{i}\"")) + "]}",
        """{"tags":[],"content":""" + Repeat("[", 100) + Repeat("]", 100) + "}", Repeat("[", 100_000), Repeat("{\"a\":", 50_000),
    };

    public static TheoryData<string> BadQueries => new()
    {
        "unknown=1", "Tag=a:1", "tag", "tag=", "tag=nocolon", "tag=:x", "tag=%FF", "tag=%", "tag=a:%ED%A0%80", "tag=a:" + Repeat("x", 511),
        "tag=" + Repeat("x", 513) + "*", "not=", "match=some", "match=", "match=all&match=any", "lifecycle=purged", "lifecycle=x", "limit=0", "limit=-1",
        "limit=1001", "limit=many", "limit=", "limit=1e2", "limit=99999999999999999999", "limit=1&limit=2", "count=yes", "count=", "fields=", "fields=id,colour",
        "cursor=", "cursor=x", "cursor=AAAA", "cursor=" + Repeat("A", 200), "cursor=%00", "asOf=", "asOf=yesterday", "asOf=0", "asOf=-1",
        "asOf=2024-01-01", "asOf=2024-01-01T00:00:00", "asOf=2024-01-01T00:00:00+01:00", "asOf=2999-01-01T00:00:00Z", "asOf=1&asOf=2", "sort=nothing", "?tag=a:1",
        string.Join('&', Enumerable.Range(0, 65).Select(i => $"tag=a:{i}")), string.Join('&', Enumerable.Range(0, 65).Select(i => $"not=a:{i}")),
        string.Join('&', Enumerable.Range(0, 40).Select(i => $"tag=a:{i}&not=b:{i}")),
    };

    [Theory]
    [MemberData(nameof(BadPaths))]
    public Task A_path_that_names_nothing_is_refused(string path) => RefusedAsync(async () =>
    [
        await RawAsync("PUT", path, Good), await RawAsync("GET", path), await RawAsync("DELETE", path), await RawAsync("PATCH", path + "/tags", """{"add":["x:1"]}"""),
        await RawAsync("GET", path + "/history"), await RawAsync("PUT", path + "/content", "x"),
    ]);

    [Theory]
    [MemberData(nameof(UnknownRoutes))]
    public Task A_route_that_is_not_there_is_404(string path) => RefusedAsync(async () =>
    {
        var answer = await RawAsync("GET", path);
        Assert.Equal((404, "no_such_route"), (answer.Status, answer.Code));
        return [answer];
    });

    [Theory]
    [InlineData("POST", Entity)]
    [InlineData("PATCH", Entity)]
    [InlineData("OPTIONS", Entity)]
    [InlineData("TRACE", Entity)]
    [InlineData("BREW", Entity)]
    [InlineData("GET", Entity + "/restore")]
    [InlineData("PUT", Entity + "/tags")]
    [InlineData("DELETE", Entity + "/history")]
    [InlineData("PUT", Entities)]
    [InlineData("GET", "/v1/datasets/bad/import")]
    [InlineData("DELETE", "/v1/shards")]
    [InlineData("GET", "/v1/shards/0/checkpoint")]
    [InlineData("POST", "/health/live")]
    public Task A_method_that_is_not_allowed_is_405_and_Allow_tells_which_are(string method, string path) => RefusedAsync(async () =>
    {
        var answer = await RawAsync(method, path);
        Assert.Equal((405, "method_not_allowed"), (answer.Status, answer.Code));
        Assert.NotEmpty(answer.Headers["Allow"]);
        return [answer];
    });

    [Theory]
    [MemberData(nameof(BadBodies))]
    public Task A_body_that_is_no_state_is_refused(string body) => RefusedAsync(async () =>
        [await RawAsync("PUT", Entity, body), await RawAsync("PUT", Entities + "/new", body)]);

    [Theory]
    [InlineData("")]
    [InlineData("[]")]
    [InlineData("""{"add":"a:1"}""")]
    [InlineData("""{"add":[1]}""")]
    [InlineData("""{"add":[],"remove":["nocolon"]}""")]
    [InlineData("""{"add":["b:1"],"tags":[]}""")]
    [InlineData("""{"add":["b:1"],"add":["c:1"]}""")]
    [InlineData("""{"add":["b:1"],"at":"2999-01-01T00:00:00Z"}""")]
    public Task A_body_that_is_no_change_of_tags_is_refused(string body) => RefusedAsync(async () => [await RawAsync("PATCH", Entity + "/tags", body)]);

    [Theory]
    [MemberData(nameof(BadQueries))]
    public Task A_query_that_asks_nothing_is_refused(string query) => RefusedAsync(async () => [await RawAsync("GET", $"{Entities}?{query}")]);

    [Theory]
    [InlineData("GET", Entity + "?asof=1")]
    [InlineData("GET", Entity + "?asOf=2999-01-01T00:00:00Z")]
    [InlineData("GET", Entity + "/content?asOf=now")]
    [InlineData("GET", Entity + "/history?cursor=0")]
    [InlineData("GET", Entity + "/history?cursor=one")]
    [InlineData("GET", Entity + "/history?limit=1001")]
    [InlineData("GET", Entity + "/history?from=")]
    [InlineData("GET", Entity + "/history?asOf=1")]
    [InlineData("GET", Entity + "/diff?to=1")]
    [InlineData("GET", Entity + "/diff?from=1&to=2999-01-01T00:00:00Z")]
    [InlineData("GET", "/v1/datasets/bad/tags?prefix=%FF")]
    [InlineData("GET", "/v1/datasets/bad/tags?cursor=nocolon")]
    [InlineData("GET", "/v1/datasets/bad/tags?limit=10001")]
    [InlineData("GET", "/v1/shards?x=1")]
    [InlineData("GET", "/v1/shards/0?x=1")]
    [InlineData("POST", "/v1/shards/0/checkpoint?x=1")]
    [InlineData("POST", "/v1/shards/0/verify?x=1")]
    [InlineData("DELETE", Entity + "?purge=maybe")]
    [InlineData("DELETE", Entity + "?x=1")]
    [InlineData("POST", Entity + "/restore?at=1")]
    [InlineData("POST", "/v1/datasets/bad/import?x=1")]
    public Task A_parameter_that_is_unknown_or_wrong_is_refused(string method, string target) => RefusedAsync(async () => [await RawAsync(method, target)]);

    [Fact]
    public Task Bytes_that_are_no_UTF8_are_no_JSON() => RefusedAsync(async () =>
    [
        await RawHttp.SendAsync(store.BaseAddress, "PUT", Entity, Encoding.Latin1.GetBytes("{\"tags\":[\"a:\u00ff\"]}"), Json),
        await RawHttp.SendAsync(store.BaseAddress, "PUT", Entity, [0xFF, 0xFE, .. Encoding.Unicode.GetBytes(Good)], Json),
        await RawHttp.SendAsync(store.BaseAddress, "PUT", Entity, Encoding.Latin1.GetBytes("{\"tags\":[],\"content\":\"\u00c0\u0080\"}"), Json),
    ]);

    [Fact]
    public Task Another_content_type_or_encoding_is_415() => RefusedAsync(async () =>
    {
        HttpAnswer[] answers =
        [
            await RawAsync("PUT", Entity, Good, "Content-Type: text/plain"), await RawAsync("PUT", Entity, Good, "X-None: 1"),
            await RawAsync("PATCH", Entity + "/tags", """{"add":["b:1"]}""", "Content-Type: application/x-www-form-urlencoded"),
            await RawAsync("PUT", Entity, Good, Json, "Content-Encoding: gzip"), await RawAsync("PUT", Entity + "/content", "x", "Content-Encoding: br"),
        ];
        Assert.All(answers, answer => Assert.Equal(415, answer.Status));
        return answers;
    });

    [Theory]
    [InlineData("Content-Type: nonsense")]
    [InlineData("Content-Type: text/plain; a=\"\u00e9\"")]
    [InlineData("Content-Type: text/plain, text/html")]
    public Task Content_of_a_type_that_is_none_is_refused(string header) => RefusedAsync(async () => [await RawAsync("PUT", Entity + "/content", "x", header)]);

    [Theory]
    [InlineData("If-Match: 1")]
    [InlineData("If-Match: \"one\"")]
    [InlineData("If-Match: \"0\"")]
    [InlineData("If-Match: W/\"1\"")]
    [InlineData("If-Match: \"1\", \"2\"")]
    [InlineData("If-Match: \"99999999999999999999\"")]
    [InlineData("If-None-Match: \"1\"")]
    [InlineData("If-None-Match: *\r\nIf-Match: *")]
    [InlineData("Idempotency-Key:")]
    [InlineData("Idempotency-Key: one\r\nIdempotency-Key: two")]
    public Task A_condition_or_key_that_is_none_is_refused(string header) => RefusedAsync(async () =>
        [await RawAsync("PUT", Entity, Good, Json, header), await RawAsync("PUT", Entities + "/new", Good, Json, header)]);

    [Fact]
    public Task Headers_and_targets_that_are_too_long_are_refused_with_a_code() => RefusedAsync(async () =>
    {
        var (header, target) = (await RawAsync("PUT", Entity, Good, Json, "X-Long: " + Repeat("x", 40_000)), await RawAsync("GET", $"{Entity}?x={Repeat("x", 20_000)}"));
        Assert.Equal((431, "headers_too_large", 414, "uri_too_long"), (header.Status, header.Code, target.Status, target.Code));
        return [header, target, await RawAsync("PUT", Entity, Good, Json, "Idempotency-Key: " + Repeat("x", 257))];
    });

    [Fact]
    public Task A_body_that_is_too_large_is_413() => RefusedAsync(async () =>
    {
        var large = Encoding.ASCII.GetBytes($$"""{"tags":[],"content":"{{Repeat("x", 9 * 1024 * 1024)}}"}""");
        HttpAnswer[] answers =
        [
            await RawHttp.SendAsync(store.BaseAddress, "PUT", Entity, large, Json),
            // Announced, and refused before a byte of it is read.
            await RawHttp.SendAsync(store.BaseAddress, Encoding.ASCII.GetBytes(
                $"PUT {Entity}/content HTTP/1.1\r\nHost: {store.BaseAddress.Authority}\r\nConnection: close\r\nContent-Length: 1073741825\r\n\r\n")),
            await RawHttp.SendAsync(store.BaseAddress, Encoding.ASCII.GetBytes(
                $"PUT {Entity} HTTP/1.1\r\nHost: {store.BaseAddress.Authority}\r\nConnection: close\r\n{Json}\r\nContent-Length: 99999999999\r\n\r\n")),
        ];
        Assert.All(answers, answer => Assert.Equal((413, "content_too_large"), (answer.Status, answer.Code)));
        return answers;
    });

    [Fact]
    public Task A_body_where_none_is_taken_is_refused() => RefusedAsync(async () =>
    [
        await RawAsync("DELETE", Entity, """{"at":5}"""), await RawAsync("POST", Entity + "/restore", """{"at":5}"""), await RawAsync("POST", "/v1/shards/0/checkpoint", "{}"),
    ]);

    [Fact]
    public async Task A_chunked_body_that_is_malformed_is_refused_with_a_code() => await RefusedAsync(async () =>
        [await RawHttp.SendAsync(store.BaseAddress, "PUT", Entity, "zz\r\n{}\r\n0\r\n\r\n"u8.ToArray(), Json, "Transfer-Encoding: chunked")]);

    /// <summary>What cannot be parsed as HTTP never reaches a route; the server answers it with a status alone.</summary>
    [Theory]
    [InlineData("nonsense\r\n\r\n")]
    [InlineData("GET /v1/shards HTTP/9.9\r\n\r\n")]
    [InlineData("GET /v1/shards\u00e9 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")]
    [InlineData("GET /v1/datasets/bad/entities/%00 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")]
    [InlineData("GET /v1/shards HTTP/1.1\r\n\r\n")]
    [InlineData("GET /v1/shards HTTP/1.1\r\nHost: 127.0.0.1\r\nbad header\r\n\r\n")]
    [InlineData("PUT /v1/datasets/bad/entities/known HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: -1\r\n\r\n")]
    [InlineData("PUT /v1/datasets/bad/entities/known HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n")]
    public async Task What_is_no_HTTP_is_a_4xx_and_stores_nothing(string request)
    {
        var before = await store.SequenceSumAsync();
        var answer = await RawHttp.SendAsync(store.BaseAddress, Encoding.Latin1.GetBytes(request));
        Assert.True(answer.Status is >= 400 and < 500 or 505, answer.ToString());
        Assert.Equal(before, await store.SequenceSumAsync());
    }

    private async Task<HttpAnswer> RawAsync(string method, string target, string? body = null, params string[] headers) =>
        await RawHttp.SendAsync(store.BaseAddress, method, target, body is null ? null : Encoding.UTF8.GetBytes(body),
            body is not null && headers.Length == 0 ? [Json] : headers);

    /// <summary>Each answer is a problem with a code, and the store is as it was.</summary>
    private async Task RefusedAsync(Func<Task<HttpAnswer[]>> send)
    {
        var before = await store.SequenceSumAsync();
        foreach (var answer in await send())
        {
            Assert.True(answer.Status is >= 400 and < 500, answer.ToString());
            Assert.True(answer.Code is { Length: > 0 }, $"no problem: {answer}");
            Assert.Equal(answer.Status, answer.Json.GetProperty("status").GetInt32());
        }

        Assert.Equal(before, await store.SequenceSumAsync());
        Assert.Equal((1L, """{"kept":true}"""), ((await store.Store.GetAsync(Dataset, "known"))!.Revision, (await store.Store.GetAsync(Dataset, "known"))!.ContentText));
        Assert.Equal(404, await store.Store.StatusAsync(StoreHttp.EntityPath(Dataset, "new")));
    }

    private static string Repeat(string text, int count) => string.Concat(Enumerable.Repeat(text, count));
}
