using System.Text.Json;
using EntityActors.Host.Tests.Http;
using EntityActors.Tests.Shared.Processes;
using Xunit;

namespace EntityActors.Host.Tests.Cli;

/// <summary><c>ea watch</c> as a process.</summary>
public sealed class WatchTests(StoreFixture store) : IClassFixture<StoreFixture>
{
    private static readonly TimeSpan EndsWithin = TimeSpan.FromSeconds(60);

    [Fact]
    public async Task It_shows_what_was_there_ends_and_says_where_to_go_on()
    {
        for (var i = 0; i < 5; i++) await store.Store.PutAsync("watched", $"e{i}", [$"n:{i}"], "{\n\"n\": 1\n}");
        var all = await WatchAsync("--from", "beginning", "--no-follow");
        Assert.Equal(0, all.ExitCode);
        Assert.Equal(Enumerable.Range(0, 5).Select(i => $"e{i}"), all.Output.TrimEnd('\n').Split('\n').Select(line => line.Split('\t')[0]).Order());
        Assert.Equal(["e3\tr1", "active\t+n:3 content application/json"],
            (await WatchAsync("--from", "beginning", "--no-follow", "--tag", "n:3")).Output.TrimEnd('\n').Split('\n').Single() is var line
                ? [string.Join('\t', line.Split('\t')[..2]), string.Join('\t', line.Split('\t')[3..])] : []);

        await store.Store.PutAsync("watched", "later", ["n:9"], null);
        var cursor = all.Error.TrimEnd('\n').Split(' ')[^1];
        var rest = await WatchAsync("--from", cursor, "--no-follow", "--json");
        var change = JsonDocument.Parse(rest.Output.TrimEnd('\n').Split('\n').Single()).RootElement;
        Assert.Equal("later", change.GetProperty("id").GetString());
        Assert.Equal("", (await WatchAsync("--from", change.GetProperty("cursor").GetString()!, "--no-follow")).Output);
    }

    [Fact]
    public async Task What_is_wrong_for_good_is_one_line_and_an_exit_code()
    {
        var wrong = await WatchAsync("--from", "yesterday");
        Assert.Equal((1, ""), (wrong.ExitCode, wrong.Output));
        Assert.Contains("invalid_query", Assert.Single(wrong.ErrorLines), StringComparison.Ordinal);
        // A change that is lost is never passed over in silence, and waiting does not bring it back.
        await using var damaged = await FakeStore.StartAsync((200,
            "{\"id\":\"a\",\"revision\":1,\"at\":\"t\",\"lifecycle\":\"active\",\"author\":\"\",\"added\":[],\"removed\":[],\"cursor\":\"c1\"}\n"
            + "{\"status\":500,\"code\":\"corrupted\",\"detail\":\"a block is lost\"}\n"));
        var lost = await EaCommand.RunAsync(EndsWithin, "watch", "--server", damaged.Address);
        Assert.Equal((6, "a\tr1\tt\tactive\t\n"), (lost.ExitCode, lost.Output));
        Assert.Contains("a block is lost (corrupted)", lost.Error, StringComparison.Ordinal);
        Assert.Contains("--from c1", lost.Error, StringComparison.Ordinal);
    }

    private Task<CommandOutcome> WatchAsync(params string[] arguments) =>
        EaCommand.RunAsync(EndsWithin, ["watch", "--dataset", "watched", "--server", store.BaseAddress.ToString(), .. arguments]);
}
