using EntityActors.Bench.Measurement;
using EntityActors.Bench.Stores;
using EntityActors.Tests.Shared;

namespace EntityActors.Bench.Scenarios;

/// <summary>Durable writes of new entities a second, by number of concurrent writers. The stores take turns within each run.</summary>
internal static class WritesScenario
{
    private const int PreparedPerSecondMax = 120_000;
    private const int WarmUpCount = 2_000;

    public static async Task<MarkdownTable> RunAsync(BenchOptions options)
    {
        var stores = options.StoresAmong(BenchStores.Names);
        var results = new Dictionary<(string Store, int Writers), List<Throughput>>();
        for (var run = 0; run < options.Runs; run++)
        {
            foreach (var writers in options.Writers)
            {
                foreach (var store in stores)
                {
                    var result = await MeasureAsync(options, store, writers);
                    Console.Error.WriteLine($"run {run + 1}: {store}, {writers} writers: {result.PerSecond:N0}/s");
                    if (!results.TryGetValue((store, writers), out var list)) results[(store, writers)] = list = [];
                    list.Add(result);
                }
            }
        }

        var table = new MarkdownTable($"Durable writes a second (median of {options.Runs})",
            ["store", "writers", "writes/s", "p50 µs", "p99 µs", "spread", .. stores.Select(store => "÷ " + store)]);
        foreach (var writers in options.Writers)
        {
            foreach (var store in stores)
            {
                var runs = results[(store, writers)];
                var median = Throughput.Median(runs);
                var ratios = stores.Select(peer => MarkdownTable.Number(median.PerSecond / Throughput.Median(results[(peer, writers)]).PerSecond));
                table.Add([store, $"{writers}", MarkdownTable.Number(median.PerSecond), MarkdownTable.Number(median.P50Microseconds),
                    MarkdownTable.Number(median.P99Microseconds),
                    $"{MarkdownTable.Number(runs.Min(one => one.PerSecond))} … {MarkdownTable.Number(runs.Max(one => one.PerSecond))}", .. ratios]);
            }
        }

        table.Note($"Id 16 bytes, 5 tags of 20, {Workload.ContentBytes} bytes of content; {options.Duration.TotalSeconds:N0} s a run. "
            + $"Peers gather up to {BenchStores.GroupMax} waiting writers into one synced commit and keep no history; the bare log has no index.");
        return table;
    }

    private static async Task<Throughput> MeasureAsync(BenchOptions options, string name, int writers)
    {
        using var directory = new TempDirectory("bench-", options.DataDirectory);
        await using var store = await BenchStores.OpenAsync(name, directory.Path);
        var count = (int)Math.Min(int.MaxValue / 2, options.Duration.TotalSeconds * PreparedPerSecondMax);
        var entities = new Workload(options.Seed).Make(0, count + WarmUpCount);
        await Load.RunAsync(Math.Max(writers, 16), TimeSpan.FromSeconds(2), WarmUpCount, i => store.WriteAsync(entities[count + i]));
        GC.Collect();

        // The bare log has no keys, so it may write the prepared entities over and over; a store would be updating instead of inserting.
        return name == BenchStores.BareLogName
            ? await Load.RunAsync(writers, options.Duration, int.MaxValue, i => store.WriteAsync(entities[i % count]))
            : await Load.RunAsync(writers, options.Duration, count, i => store.WriteAsync(entities[i]));
    }
}
