using EntityActors.Tests.Shared;
using EntityActors.Tests.Shared.Http;
using EntityActors.Tests.Shared.Processes;
using Xunit;

namespace EntityActors.Cluster.Tests;

/// <summary>What entities, tags, history and conditions promise, over HTTP against the real program, also after it was killed and started again.</summary>
public sealed class DataRulesTests
{
    private const string Dataset = "rules";

    [Fact]
    public async Task Tags_history_and_the_past_are_the_same_before_and_after_a_restart()
    {
        using var directory = new TempDirectory();
        var options = new ServerOptions(directory.File("data"), TinyThresholds.ShardCount, [TinyThresholds.WriteTo(directory.Path)]);
        List<string> before;
        List<string> paths;
        await using (var server = await ServerProcess.StartAsync(options))
        {
            using var http = new StoreHttp(server.BaseAddress);
            paths = await LiveAsync(http);
            before = await AnswersAsync(http, paths);
            await server.KillAsync();
        }

        await using (var server = await ServerProcess.StartAsync(options))
        {
            using var http = new StoreHttp(server.BaseAddress);
            Assert.Equal(before, await AnswersAsync(http, paths));
            Assert.Equal(0, await server.TerminateAsync());
        }

        await using (var server = await ServerProcess.StartAsync(options))
        {
            using var http = new StoreHttp(server.BaseAddress);
            Assert.Equal(before, await AnswersAsync(http, paths));
        }
    }

    [Fact]
    public async Task Of_concurrent_writers_on_one_entity_none_loses_an_update_and_a_conflict_tells_the_actual_revision()
    {
        using var directory = new TempDirectory();
        await using var server = await ServerProcess.StartAsync(new ServerOptions(directory.File("data"), ShardCount: 4));
        using var http = new StoreHttp(server.BaseAddress);
        await http.PutAsync(Dataset, "counter", [], "0");
        var (conflicts, increments) = (0, 0);
        await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => Task.Run(async () =>
        {
            for (var done = 0; done < 25;)
            {
                var seen = (await http.GetAsync(Dataset, "counter"))!;
                var answer = await http.PutAsync(Dataset, "counter", [], (long.Parse(seen.ContentText!) + 1).ToString(), new(IfMatch: seen.Revision));
                if (answer.Status == 200)
                {
                    Assert.Equal(seen.Revision + 1, answer.Commit!.Revision);
                    done++;
                    Interlocked.Increment(ref increments);
                    continue;
                }

                Assert.Equal((412, "precondition_failed"), (answer.Status, answer.Problem!.Code));
                Assert.True(answer.Problem.ActualRevision > seen.Revision, answer.ToString());
                Interlocked.Increment(ref conflicts);
            }
        })));
        var last = (await http.GetAsync(Dataset, "counter"))!;
        Assert.Equal((increments.ToString(), increments + 1L), (last.ContentText, last.Revision));
        Assert.True(conflicts > 0, "no two writers met");
    }

    /// <summary>Does and checks everything once.</summary>
    /// <returns>Questions whose answers must not change any more.</returns>
    private static async Task<List<string>> LiveAsync(StoreHttp http)
    {
        var one = await CommitAsync(http.PutAsync(Dataset, "a", ["state:new", "owner:ann", "owner:bob"], """{"v":1}"""));
        Assert.Equal(["a"], await IdsAsync(http, "owner:ann"));
        Assert.Equal(["a"], await IdsAsync(http, "owner:bob"));
        var two = await CommitAsync(http.PutAsync(Dataset, "a", ["state:done", "owner:bob"], """{"v":2}"""));
        // It left its old queries at once, and the past still has it there.
        Assert.Empty(await IdsAsync(http, "state:new"));
        Assert.Empty(await IdsAsync(http, "owner:ann"));
        Assert.Equal(["a"], await IdsAsync(http, "state:done"));
        Assert.Equal(["a"], (await http.QueryAsync(Dataset, ["state:new"], one.At)).Select(entity => entity.Id));
        var three = await CommitAsync(http.PatchTagsAsync(Dataset, "a", ["owner:cid"], ["state:done"]));
        Assert.Empty(await IdsAsync(http, "state:done"));
        Assert.Equal<string>(["owner:bob", "owner:cid"], (await http.GetAsync(Dataset, "a"))!.Tags);
        Assert.Null(await http.GetAsync(Dataset, "a", one.At - 1));
        Assert.Equal("""{"v":1}""", (await http.GetAsync(Dataset, "a", one.At))!.ContentText);
        Assert.Equal("""{"v":1}""", (await http.GetAsync(Dataset, "a", two.At - 1))!.ContentText);
        Assert.Equal("""{"v":2}""", (await http.GetAsync(Dataset, "a", two.At))!.ContentText);
        await http.DeleteAsync(Dataset, "a");
        Assert.Null(await http.GetAsync(Dataset, "a"));
        var history = await http.HistoryAsync(Dataset, "a");
        Assert.Equal([one.At, two.At, three.At], history.Take(3).Select(change => change.At));
        Assert.Equal<string>(["owner:ann", "state:new"], history[1].Removed);
        Assert.Equal<string>(["state:done"], history[2].Removed);
        Assert.Equal("deleted", history[3].Lifecycle);
        await CommitAsync(http.RestoreAsync(Dataset, "a"));
        for (var i = 0; i < 200; i++) await CommitAsync(http.PutAsync(Dataset, $"more{i % 40}", [$"n:{i % 7}", $"m:{i % 3}"], i.ToString()));
        var path = StoreHttp.EntityPath(Dataset, "a");
        return
        [
            path, path + "/history", $"{path}?asOf={Rfc3339.Format(one.At - 1)}", .. new[] { one, two, three }.Select(commit => $"{path}?asOf={Rfc3339.Format(commit.At)}"),
            .. Enumerable.Range(0, 7).Select(i => $"/v1/datasets/{Dataset}/entities?tag=n:{i}&sort=-updated&count=true"),
            $"/v1/datasets/{Dataset}/entities?tag=state:new&asOf={Rfc3339.Format(one.At)}", $"/v1/datasets/{Dataset}/tags", "/v1/datasets",
            $"/v1/datasets/{Dataset}/export?history=true", .. Enumerable.Range(0, 40).Select(i => StoreHttp.EntityPath(Dataset, $"more{i}") + "/history"),
        ];
    }

    private static async Task<CommitShape> CommitAsync(Task<WriteAnswer> write)
    {
        var answer = await write;
        return answer.Commit ?? throw new InvalidOperationException(answer.ToString());
    }

    private static async Task<IEnumerable<string>> IdsAsync(StoreHttp http, string tag) =>
        (await http.QueryAsync(Dataset, [tag])).Select(entity => entity.Id);

    private static async Task<List<string>> AnswersAsync(StoreHttp http, IEnumerable<string> paths)
    {
        var answers = new List<string>();
        foreach (var path in paths)
        {
            using var answer = await http.Raw.GetAsync(new Uri(path, UriKind.Relative));
            var text = (int)answer.StatusCode == 404 ? "" : await answer.Content.ReadAsStringAsync();
            answers.Add($"{path}: {(int)answer.StatusCode} {text}");
        }

        return answers;
    }
}
