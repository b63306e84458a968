using System.Text.Json;
using EntityActors.Host.Http;
using EntityActors.Tests.Shared;
using Xunit;

namespace EntityActors.Host.Tests.Http;

/// <summary>The feed of a dataset as lines and as server-sent events.</summary>
public sealed class ChangeTests(StoreFixture store) : IClassFixture<StoreFixture>
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(30);

    [Fact]
    public async Task A_line_has_the_members_of_the_contract_and_is_one_line_whatever_its_content()
    {
        const string Pretty = "{\r\n  \"text\": \"a\\nb\",\n  \"n\": [1,\n 2]\n}";
        await store.Http.SendAsync("PUT", "/v1/datasets/lines/entities/a", $$"""{"tags":["a:1"],"content":{{Pretty}}}""");
        await store.Store.PatchTagsAsync("lines", "a", ["b:2"], ["a:1"]);
        var answer = await store.Http.GetAsync("/v1/datasets/lines/changes?follow=false");
        Assert.Equal((200, "application/x-ndjson", "no-store"), (answer.Status, answer.ContentType, answer.Headers["Cache-Control"]));
        var lines = answer.Body.TrimEnd('\n').Split('\n').Select(line => JsonDocument.Parse(line).RootElement).ToList();
        Assert.Equal(2, lines.Count);
        Assert.Equal(
            ["dataset", "id", "revision", "at", "recordedAt", "author", "added", "removed", "lifecycle", "contentType", "content", "shard", "sequence", "cursor"],
            lines[0].EnumerateObject().Select(member => member.Name));
        Assert.Equal("a\nb", lines[0].GetProperty("content").GetProperty("text").GetString());
        Assert.Equal(("b:2", "a:1"), (lines[1].GetProperty("added")[0].GetString(), lines[1].GetProperty("removed")[0].GetString()));
        // The other stream of lines holds the same contents.
        var entities = await store.Http.GetAsync("/v1/datasets/lines/entities", "Accept: application/x-ndjson");
        Assert.Equal("a\nb", JsonDocument.Parse(entities.Body.TrimEnd('\n').Split('\n').Single()).RootElement.GetProperty("content").GetProperty("text").GetString());
    }

    [Fact]
    public async Task Each_cursor_leads_to_what_comes_after_it_and_a_filter_leaves_out_the_rest()
    {
        for (var i = 0; i < 20; i++)
        {
            await store.Store.PutAsync("cursors", $"e{i % 7}", [$"n:{i}"], null);
            await store.Store.PutAsync("another", $"e{i % 7}", [$"n:{i}"], null);
        }

        var all = await ChangesAsync("?follow=false");
        Assert.Equal(20, all.Count);
        for (var i = 0; i < 20; i++)
        {
            var rest = await ChangesAsync($"?follow=false&since={all[i].GetProperty("cursor").GetString()}");
            Assert.Equal(all.Skip(i + 1).Select(Name).Order(), rest.Select(Name).Order());
        }

        Assert.Empty(await ChangesAsync("?follow=false&since=now"));
        Assert.Equal(20, (await ChangesAsync("?follow=false&since=beginning")).Count);
        Assert.Equal(["e3 1", "e3 2"], (await ChangesAsync("?follow=false&tag=n:3")).Select(Name));
        Assert.Equal("cursor", (await ChangesAsync("?follow=false&since=now&progress=true"))[0].EnumerateObject().Single().Name);

        async Task<List<JsonElement>> ChangesAsync(string query) => [.. (await store.Http.GetAsync("/v1/datasets/cursors/changes" + query)).Body
            .Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => JsonDocument.Parse(line).RootElement)];
    }

    [Fact]
    public async Task Events_come_as_the_changes_are_made_and_the_last_id_resumes()
    {
        var seen = new List<string>();
        string? last = null;
        for (var connection = 0; connection < 4; connection++)
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, new Uri("/v1/datasets/events/changes?since=now", UriKind.Relative));
            request.Headers.Accept.ParseAdd("text/event-stream, */*");
            if (last is not null) request.Headers.Add("Last-Event-ID", last);
            using var answer = await store.Store.Raw.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
            Assert.Equal("text/event-stream", answer.Content.Headers.ContentType?.MediaType);
            using var reader = new StreamReader(await answer.Content.ReadAsStreamAsync());
            // Where it begins, before anything happens.
            (last, var data) = await EventAsync(reader);
            Assert.Null(data);
            for (var i = 0; i < 3; i++)
            {
                await store.Store.PutAsync("events", $"e{connection}-{i}", ["a:1"], null);
                (last, data) = await ChangeAsync(reader);
                seen.Add(JsonDocument.Parse(data!).RootElement.GetProperty("id").GetString()!);
            }

            // Made while nobody listens.
            answer.Dispose();
            await store.Store.PutAsync("events", $"e{connection}-gone", ["a:1"], null);
            if (connection == 3) break;
            using var again = new HttpRequestMessage(HttpMethod.Get, new Uri("/v1/datasets/events/changes?follow=false", UriKind.Relative));
            again.Headers.Accept.ParseAdd("text/event-stream");
            again.Headers.Add("Last-Event-ID", last);
            using var rest = new StreamReader(await (await store.Store.Raw.SendAsync(again)).Content.ReadAsStreamAsync());
            (last, data) = await ChangeAsync(rest);
            seen.Add(JsonDocument.Parse(data!).RootElement.GetProperty("id").GetString()!);
        }

        Assert.Equal(Enumerable.Range(0, 4).SelectMany(connection => new[] { "0", "1", "2", "gone" }.Select(i => $"e{connection}-{i}")).SkipLast(1), seen);
    }

    [Theory]
    [InlineData("?since=x", "invalid_query")]
    [InlineData("?since=AAAA", "invalid_query")]
    [InlineData("?since=now&since=now", "invalid")]
    [InlineData("?tag=a:1&tag=b:1", "invalid")]
    [InlineData("?tag=nonsense", "invalid")]
    [InlineData("?follow=maybe", "invalid")]
    [InlineData("?from=now", "invalid")]
    public async Task What_is_not_understood_is_refused(string query, string code) =>
        Assert.Equal((400, code), await CodeOfAsync(query));

    [Fact]
    public async Task A_head_request_ends_and_a_last_id_that_is_none_is_refused()
    {
        var head = await store.Http.SendAsync("HEAD", "/v1/datasets/events/changes", (string?)null).WaitAsync(Limit);
        Assert.Equal((200, "application/x-ndjson", 0), (head.Status, head.ContentType, head.Bytes.Length));
        Assert.Equal((400, "invalid_query"), await CodeOfAsync("", "Last-Event-ID: 17"));
    }

    [Fact]
    public async Task More_feeds_than_may_are_refused_with_the_time_to_come_back()
    {
        var open = new List<HttpResponseMessage>();
        try
        {
            while (open.Count < 1000)
            {
                var answer = await store.Store.Raw.GetAsync(new Uri("/v1/datasets/many/changes", UriKind.Relative), HttpCompletionOption.ResponseHeadersRead);
                open.Add(answer);
                if (!answer.IsSuccessStatusCode) break;
            }

            Assert.Equal((429, 129), ((int)open[^1].StatusCode, open.Count));
            Assert.NotNull(open[^1].Headers.RetryAfter);
        }
        finally
        {
            foreach (var answer in open) answer.Dispose();
        }

        // Their places come back when the server has noticed.
        for (var deadline = Environment.TickCount64 + 30_000; ;)
        {
            if ((await store.Http.GetAsync("/v1/datasets/many/changes?follow=false")).Status == 200) return;
            Assert.True(Environment.TickCount64 < deadline, "no feed ended");
            await Task.Delay(20);
        }
    }

    [Theory]
    [InlineData("text/event-stream")]
    [InlineData("application/x-ndjson")]
    public async Task A_server_that_stops_ends_its_feeds_at_once_behind_a_whole_line(string accept)
    {
        using var directory = new TempDirectory();
        await using var app = StoreHosting.Build(new ServeOptions(directory.File("data"), new Uri("http://127.0.0.1:0"), 4, []) { Authentication = false });
        await app.StartAsync();
        using var http = new HttpClient { BaseAddress = new Uri(app.Urls.First()) };
        http.DefaultRequestHeaders.Accept.ParseAdd(accept);
        using var put = new StringContent("""{"tags":["a:1"]}""", System.Text.Encoding.UTF8, "application/json");
        (await http.PutAsync(new Uri("/v1/datasets/d/entities/a", UriKind.Relative), put)).EnsureSuccessStatusCode();
        using var answer = await http.GetAsync(new Uri("/v1/datasets/d/changes", UriKind.Relative), HttpCompletionOption.ResponseHeadersRead);
        using var reader = new StreamReader(await answer.Content.ReadAsStreamAsync());
        while (!(await reader.ReadLineAsync().WaitAsync(Limit))!.Contains("\"id\":\"a\"", StringComparison.Ordinal))
        {
            // Where it begins comes first.
        }

        var rest = reader.ReadToEndAsync();
        Assert.False(rest.IsCompleted);
        var stopping = app.StopAsync();
        // A connection that was cut would throw; one that was ended leaves nothing half said.
        var body = await rest.WaitAsync(TimeSpan.FromSeconds(10));
        Assert.True(body.Length == 0 || body[^1] == '\n', body);
        Assert.DoesNotContain("error", body, StringComparison.Ordinal);
        await stopping.WaitAsync(Limit);
    }

    private static string Name(JsonElement change) => $"{change.GetProperty("id").GetString()} {change.GetProperty("revision")}";

    private async Task<(int Status, string? Code)> CodeOfAsync(string query, params string[] headers)
    {
        var answer = await store.Http.GetAsync("/v1/datasets/d/changes" + query, headers).WaitAsync(Limit);
        return (answer.Status, answer.Code);
    }

    /// <summary>Id and data of the next event; data is null where only the id is told.</summary>
    /// <summary>The next event with data: those between say how far the feed has come.</summary>
    private static async Task<(string Id, string? Data)> ChangeAsync(StreamReader reader)
    {
        while (true)
        {
            if (await EventAsync(reader) is { Data: not null } change) return change;
        }
    }

    private static async Task<(string Id, string? Data)> EventAsync(StreamReader reader)
    {
        string? id = null, data = null;
        while (true)
        {
            var line = await reader.ReadLineAsync().WaitAsync(Limit) ?? throw new InvalidOperationException("the events end");
            if (line.StartsWith("id: ", StringComparison.Ordinal)) id = line[4..];
            else if (line.StartsWith("data: ", StringComparison.Ordinal)) data = line[6..];
            else if (line.Length == 0 && id is not null) return (id, data);
            else Assert.True(line.Length == 0 || line[0] == ':', line);
        }
    }
}
