using System.Text.Json;
using EntityActors.Host.Http;
using EntityActors.Storage.Model;
using EntityActors.Tests.Shared;
using EntityActors.Tests.Shared.Http;
using EntityActors.Tests.Shared.Processes;
using Microsoft.AspNetCore.Builder;
using Xunit;

namespace EntityActors.Host.Tests.Http;

/// <summary>A store with a quarantined shard over HTTP and the command line: 503, or, with <c>partial</c>, a result that names it.</summary>
public sealed class MissingShardTests : IAsyncLifetime
{
    private const string Dataset = "partial";
    private const int ShardCount = 3;
    private const int EntityCount = 12;
    private const string Entities = $"/v1/datasets/{Dataset}/entities";
    private const string Tags = $"/v1/datasets/{Dataset}/tags";
    private static readonly ShardId Away = new(1);
    private readonly TempDirectory _directory = new();
    private WebApplication _app = null!;
    private StoreHttp _store = null!;
    private HttpApi _http = null!;

    private static string[] Left { get; } =
        [.. Enumerable.Range(0, EntityCount).Select(i => $"e{i}").Where(id => new EntityKey(Dataset, id).ShardOf(ShardCount) != Away).Order(StringComparer.Ordinal)];

    public async Task InitializeAsync()
    {
        await StartAsync();
        for (var i = 0; i < EntityCount; i++) await _store.PutAsync(Dataset, $"e{i}", ["a:1"], $"{i}");
        for (var i = 0; i < 2; i++) Assert.Equal(200, (await _http.SendAsync("POST", $"/v1/shards/{Away.Value}/checkpoint", (string?)null)).Status);
        await StopAsync();
        foreach (var header in Directory.GetFiles(_directory.File($"data/shards/{Away}"), "header.*"))
        {
            var bytes = await File.ReadAllBytesAsync(header);
            bytes[50] ^= 0x40;
            await File.WriteAllBytesAsync(header, bytes);
        }

        await StartAsync();
        Assert.True(Left.Length is > 0 and < EntityCount);
    }

    public async Task DisposeAsync()
    {
        await StopAsync();
        _directory.Dispose();
    }

    [Fact]
    public async Task A_quarantined_shard_is_503_or_named_in_pages_streams_tags_and_commands()
    {
        foreach (var path in new[] { Entities, Tags, Entities + "?count=true&limit=1", Entities + "?partial=false" })
        {
            var refused = await _http.GetAsync(path);
            Assert.Equal((503, "unavailable", Away.Value), (refused.Status, refused.Code, refused.Json.GetProperty("shard").GetInt32()));
        }

        await PagesNameItAsync();
        await StreamNamesItAsync();
        var tags = (await _http.GetAsync(Tags + "?partial=true")).Json;
        Assert.Equal($$"""{"items":[{"tag":"a:1","count":{{Left.Length}}}],"missingShards":[1]}""", tags.GetRawText());
        var wrong = await _http.GetAsync(Entities + "?partial=some");
        Assert.Equal((400, "invalid"), (wrong.Status, wrong.Code));
        await CommandsNameItAsync();
    }

    private async Task PagesNameItAsync()
    {
        var ids = new List<string>();
        var cursor = "";
        string? first = null;
        while (true)
        {
            var answer = await _http.GetAsync($"{Entities}?partial=true&count=true&limit=3&fields=id{cursor}");
            Assert.True(answer.Status == 200, answer.ToString());
            Assert.Equal(("[1]", Left.Length), (answer.Json.GetProperty("missingShards").GetRawText(), answer.Json.GetProperty("total").GetInt32()));
            ids.AddRange(answer.Json.GetProperty("items").EnumerateArray().Select(item => item.GetProperty("id").GetString()!));
            if (!answer.Json.TryGetProperty("cursor", out var next)) break;
            first ??= next.GetString();
            cursor = $"&cursor={next.GetString()}";
        }

        Assert.Equal(Left, ids.Order(StringComparer.Ordinal));
        var without = await _http.GetAsync($"{Entities}?limit=3&cursor={first}");
        Assert.Equal((400, "invalid_query"), (without.Status, without.Code));
    }

    private async Task StreamNamesItAsync()
    {
        var answer = await _http.GetAsync($"{Entities}?partial=true&fields=id", "Accept: application/x-ndjson");
        var lines = answer.Body.TrimEnd('\n').Split('\n');
        Assert.Equal("""{"missingShards":[1]}""", lines[^1]);
        Assert.Equal(Left, lines[..^1].Select(line => JsonDocument.Parse(line).RootElement.GetProperty("id").GetString()).Order(StringComparer.Ordinal));
    }

    private async Task CommandsNameItAsync()
    {
        var query = await EaAsync("--partial");
        Assert.Equal((0, Left.Length), (query.ExitCode, query.Output.TrimEnd().Split('\n').Length));
        var count = await EaAsync("--partial", "--count");
        Assert.Equal((0, $"{Left.Length}\n"), (count.ExitCode, count.Output));
        var json = await EaAsync("--partial", "--json");
        Assert.Contains("\"missingShards\":[1]", json.Output, StringComparison.Ordinal);
        var all = await EaAsync("--partial", "--all", "--json", "--limit", "2");
        Assert.Equal(Left.Length, all.Output.TrimEnd().Split('\n').Length);
        foreach (var outcome in new[] { query, count, json, all }) Assert.Equal("not all: shards that did not answer: 1\n", outcome.Error);
    }

    private Task<CommandOutcome> EaAsync(params string[] options) => EaCommand.RunAsync(
        TimeSpan.FromSeconds(60), ["query", "--dataset", Dataset, "--server", _app.Urls.First(), .. options]);

    private async Task StartAsync()
    {
        _app = StoreHosting.Build(new ServeOptions(_directory.File("data"), new Uri("http://127.0.0.1:0"), ShardCount, []) { Authentication = false });
        await _app.StartAsync();
        _store = new StoreHttp(new Uri(_app.Urls.First()));
        _http = new HttpApi(_store.Raw);
    }

    private async Task StopAsync()
    {
        _store.Dispose();
        await _app.StopAsync();
        await _app.DisposeAsync();
    }
}
