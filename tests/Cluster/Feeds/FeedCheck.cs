using System.Text.Json;
using EntityActors.Tests.Shared.Http;
using Xunit;

namespace EntityActors.Cluster.Tests.Feeds;

/// <summary>Compares what a feed gave with the histories of all entities.</summary>
internal static class FeedCheck
{
    public static readonly TimeSpan CatchUpMax = TimeSpan.FromSeconds(60);

    /// <summary>How far a feed has come, shard by shard, and what it lacks.</summary>
    public static string Progress(IReadOnlyCollection<FeedLine> given, IReadOnlyCollection<FeedLine> histories)
    {
        var lacks = histories.Except(given.Select(line => line.WithoutPlace())).OrderBy(line => line.RecordedAt, StringComparer.Ordinal).ToList();
        return $"{given.Count} of {histories.Count}; by shard {string.Join(' ', given.GroupBy(line => line.Shard).OrderBy(shard => shard.Key)
            .Select(shard => $"{shard.Key}:{shard.Count()}->{shard.Last().RecordedAt}"))}; lacks {lacks.Count}: {string.Join("; ", lacks.Take(3))}";
    }

    /// <summary>Each change of the histories once; in each shard times rise, and its events follow each other without a gap.</summary>
    public static void Check(string name, IReadOnlyCollection<FeedLine> given, IReadOnlyCollection<FeedLine> histories)
    {
        var twice = given.GroupBy(line => (line.Id, line.Revision)).FirstOrDefault(group => group.Count() > 1);
        Assert.True(twice is null, $"{name}: {twice?.Key} was given {twice?.Count()} times");
        var (expected, actual) = (histories.ToHashSet(), given.Select(line => line.WithoutPlace()).ToHashSet());
        var missing = expected.Except(actual).Take(5).ToList();
        Assert.True(missing.Count == 0, $"{name}: not given: {string.Join("; ", missing)}");
        var strange = actual.Except(expected).Take(5).ToList();
        Assert.True(strange.Count == 0, $"{name}: in no history: {string.Join("; ", strange)}");
        foreach (var shard in given.GroupBy(line => line.Shard))
        {
            FeedLine? last = null;
            foreach (var line in shard)
            {
                var isNext = last is null ? line.Sequence == 1 : line.Sequence == last.Sequence || line.Sequence == last.Sequence + 1;
                Assert.True(isNext, $"{name}: shard {shard.Key}: event {line.Sequence} after {last?.Sequence}");
                Assert.True(last is null || string.CompareOrdinal(line.RecordedAt, last.RecordedAt) > 0, $"{name}: shard {shard.Key}: {line} after {last}");
                last = line;
            }
        }
    }

    /// <summary>Every change of every entity of the dataset.</summary>
    public static async Task<List<FeedLine>> HistoriesAsync(Uri address, string dataset)
    {
        using var http = new StoreHttp(address);
        var all = new List<FeedLine>();
        foreach (var id in await IdsAsync(http, dataset))
        {
            for (var (cursor, more) = ("", true); more;)
            {
                var path = $"{StoreHttp.EntityPath(dataset, id)}/history?limit=1000{cursor}";
                using var page = JsonDocument.Parse(await http.Raw.GetStringAsync(new Uri(path, UriKind.Relative)));
                all.AddRange(page.RootElement.GetProperty("items").EnumerateArray().Select(FeedLine.OfHistory));
                more = page.RootElement.TryGetProperty("cursor", out var next);
                if (more) cursor = $"&cursor={next.GetString()}";
            }
        }

        return all;
    }

    private static async Task<List<string>> IdsAsync(StoreHttp http, string dataset)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get,
            new Uri($"/v1/datasets/{dataset}/entities?lifecycle=any&fields=id", UriKind.Relative));
        request.Headers.Accept.ParseAdd("application/x-ndjson");
        using var answer = await http.Raw.SendAsync(request);
        answer.EnsureSuccessStatusCode();
        var text = await answer.Content.ReadAsStringAsync();
        return [.. text.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => JsonDocument.Parse(line).RootElement.GetProperty("id").GetString()!)];
    }

    public static async Task EventuallyAsync(Func<bool> holds, Func<string> state, Action? look = null)
    {
        for (var deadline = Environment.TickCount64 + (long)CatchUpMax.TotalMilliseconds; !holds();)
        {
            look?.Invoke();
            Assert.True(Environment.TickCount64 < deadline, state());
            await Task.Delay(20);
        }
    }
}
