using System.Diagnostics;
using System.Text.Json.Nodes;
using EntityActors.Tests.Shared;
using EntityActors.Tests.Shared.History;
using EntityActors.Tests.Shared.Http;
using EntityActors.Tests.Shared.Processes;
using Xunit;
using Xunit.Abstractions;

namespace EntityActors.Cluster.Tests;

/// <summary>Ten years of a real history through the real program, compared with a fold that shares no code with it.</summary>
public sealed class ImportTests(ITestOutputHelper output)
{
    private const string Dataset = "akka.net";
    private const int EntitiesChecked = 100;
    private const int ParallelRequests = 8;

    private static readonly string[] TagsAsked = ["ext:cs", "dir:src/core"];

    private static readonly long[] Moments =
    [
        Rfc3339.Parse("2014-07-01T00:00:00.000000000Z"), Rfc3339.Parse("2016-03-15T12:00:00.000000000Z"),
        Rfc3339.Parse("2018-11-30T23:59:59.999999999Z"), Rfc3339.Parse("2021-06-01T06:30:00.000000001Z"),
        Rfc3339.Parse("2024-10-01T00:00:00.000000000Z"),
    ];

    [Fact]
    public async Task Import_answers_equal_an_independent_fold()
    {
        var seed = SeedSource.Next();
        output.WriteLine($"{SeedSource.Variable}={seed}");
        var oracle = HistoryOracle.Fold(RealHistory.ReadLines());
        using var directory = new TempDirectory();
        var options = new ServerOptions(directory.File("data"));

        await using (var server = await ServerProcess.StartAsync(options))
        {
            using var http = new StoreHttp(server.BaseAddress, TimeSpan.FromMinutes(3));
            var watch = Stopwatch.StartNew();
            var imported = await ImportAsync(http);
            output.WriteLine($"import: {watch.Elapsed.TotalSeconds:F1} s");
            Assert.Equal(oracle.ChangeCount, imported.Applied);
            Assert.Equal(0, imported.Duplicate);
            Assert.Equal(oracle.RefusedLines, imported.Rejected.Select(rejection => rejection.Line));
            await CompareAsync(http, oracle, seed);
            await server.KillAsync();
        }

        await using (var server = await ServerProcess.StartAsync(options))
        {
            output.WriteLine($"ready after kill -9: {server.TimeToReady.TotalSeconds:F1} s");
            using var http = new StoreHttp(server.BaseAddress, TimeSpan.FromMinutes(3));
            await CompareAsync(http, oracle, seed);
            var again = await ImportAsync(http);
            Assert.Equal(0, again.Applied);
            Assert.Equal(oracle.ChangeCount, again.Duplicate);
            Assert.Equal(oracle.RefusedLines, again.Rejected.Select(rejection => rejection.Line));
            await CompareAsync(http, oracle, seed);
            Assert.Equal(0, await server.TerminateAsync());
        }
    }

    private static async Task<ImportShape> ImportAsync(StoreHttp http)
    {
        await using var lines = RealHistory.OpenNdjson();
        return await http.ImportAsync(Dataset, lines);
    }

    private static async Task CompareAsync(StoreHttp http, HistoryOracle oracle, long seed)
    {
        foreach (var moment in Moments) await CompareMomentAsync(http, oracle, moment);
        Assert.Equal(RealHistory.LiveAtTheEnd, await http.CountAsync(Dataset, []));

        var random = SeedSource.For(seed, 1);
        var ids = Enumerable.Range(0, EntitiesChecked).Select(_ => oracle.Ids[random.Next(oracle.Ids.Length)]).ToList();
        await Parallel.ForEachAsync(ids, new ParallelOptions { MaxDegreeOfParallelism = ParallelRequests },
            async (id, _) => await CompareHistoryAsync(http, oracle, id, seed));

        var pairs = Enumerable.Range(0, EntitiesChecked).Select(_ => DrawDiff(oracle, random)).ToList();
        await Parallel.ForEachAsync(pairs, new ParallelOptions { MaxDegreeOfParallelism = ParallelRequests },
            async (pair, _) => await CompareDiffAsync(http, oracle, pair, seed));
    }

    private static async Task CompareMomentAsync(StoreHttp http, HistoryOracle oracle, long moment)
    {
        var when = $"as of {Rfc3339.Format(moment)}";
        var live = oracle.LiveIds(moment);
        Assert.True(live.Length > 0, $"{when}: nothing to compare");
        Same(live.Length, await http.CountAsync(Dataset, [], moment), $"live entities {when}");
        foreach (var tag in TagsAsked)
        {
            var expected = oracle.LiveIds(moment, tag);
            Same(expected.Length, await http.CountAsync(Dataset, [tag], moment), $"count of {tag} {when}");
            var found = (await http.QueryAsync(Dataset, [tag], moment)).Select(item => item.Id).Order(StringComparer.Ordinal).ToList();
            Assert.True(expected.SequenceEqual(found), $"{tag} {when}: {found.Count} answers instead of {expected.Length}; "
                + $"too many [{string.Join(' ', found.Except(expected).Take(5))}], missing [{string.Join(' ', expected.Except(found).Take(5))}]");
        }

        var authors = oracle.CountTags(moment, "author:");
        var counted = await http.TagsAsync(Dataset, "author:", moment);
        Assert.True(authors.SequenceEqual(counted), $"authors {when}: {counted.Count} instead of {authors.Count}, or other counts, or another order");
        var busiest = authors.MaxBy(pair => pair.Value);
        Same(busiest.Value, await http.CountAsync(Dataset, [busiest.Key], moment), $"count of {busiest.Key} {when}");
    }

    private static async Task CompareHistoryAsync(StoreHttp http, HistoryOracle oracle, string id, long seed)
    {
        var expected = oracle.HistoryOf(id);
        var actual = await http.HistoryAsync(Dataset, id);
        var where = $"{SeedSource.Variable}={seed} history of {id}";
        Same(expected.Count, actual.Count, where);
        string? content = null;
        for (var i = 0; i < actual.Count; i++)
        {
            var (want, got) = (expected[i], actual[i]);
            Same((want.Revision, want.At), (got.Revision, got.At), where);
            Assert.True(want.Added.SequenceEqual(got.Added.Order(StringComparer.Ordinal)), $"{where}: revision {want.Revision} added");
            Assert.True(want.Removed.SequenceEqual(got.Removed.Order(StringComparer.Ordinal)), $"{where}: revision {want.Revision} removed");
            Assert.True(got.RecordedAt > got.At, $"{where}: revision {want.Revision} was recorded before it happened");
            if (got.Lifecycle is not null) Same(want.IsPut ? "active" : "deleted", got.Lifecycle, where);
            else Assert.True(want.IsPut && (i == 0 || expected[i - 1].IsPut), $"{where}: revision {want.Revision} does not tell its lifecycle");
            content = got.ContentText ?? content;
            Assert.True(SameJson(want.ContentJson, content), $"{where}: revision {want.Revision} content {content} instead of {want.ContentJson}");
        }

        var state = oracle.StateAsOf(id, long.MaxValue);
        var entity = await http.GetAsync(Dataset, id);
        Same(state?.Revision, entity?.Revision, where + ", now");
        if (state is not null) Assert.True(state.Tags.SequenceEqual(entity!.Tags.Order(StringComparer.Ordinal)), $"{where}: tags now");
    }

    private static async Task CompareDiffAsync(StoreHttp http, HistoryOracle oracle, (string Id, long From, long To) pair, long seed)
    {
        var expected = oracle.Diff(pair.Id, pair.From, pair.To);
        var actual = await http.DiffAsync(Dataset, pair.Id, pair.From, pair.To);
        var where = $"{SeedSource.Variable}={seed} diff of {pair.Id} from {Rfc3339.Format(pair.From)} to {Rfc3339.Format(pair.To)}";
        Assert.True(expected.Added.SequenceEqual(actual.Added.Order(StringComparer.Ordinal)), $"{where}: added [{string.Join(' ', actual.Added)}]");
        Assert.True(expected.Removed.SequenceEqual(actual.Removed.Order(StringComparer.Ordinal)), $"{where}: removed [{string.Join(' ', actual.Removed)}]");
        Same(expected.ContentChanged, actual.ContentChanged, where + ": contentChanged");
        Same((expected.RevisionBefore, expected.RevisionAfter), (actual.RevisionBefore, actual.RevisionAfter), where + ": revisions");
    }

    /// <summary>Two moments of one entity, at or between its changes; at the second one it is live, at the first perhaps not yet there.</summary>
    private static (string Id, long From, long To) DrawDiff(HistoryOracle oracle, Random random)
    {
        while (true)
        {
            var id = oracle.Ids[random.Next(oracle.Ids.Length)];
            var changes = oracle.HistoryOf(id);
            var (first, second) = (random.Next(changes.Count), random.Next(changes.Count));
            var from = changes[Math.Min(first, second)].At - random.Next(2);
            var to = changes[Math.Max(first, second)].At + random.Next(2);
            if (from < to && oracle.StateAsOf(id, to) is not null) return (id, from, to);
        }
    }

    private static bool SameJson(string? left, string? right) =>
        left == right || (left is not null && right is not null && JsonNode.DeepEquals(JsonNode.Parse(left), JsonNode.Parse(right)));

    private static void Same<T>(T expected, T actual, string what) =>
        Assert.True(EqualityComparer<T>.Default.Equals(expected, actual), $"{what}: {actual} instead of {expected}");
}
