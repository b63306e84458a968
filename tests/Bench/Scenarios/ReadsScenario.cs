using EntityActors.Bench.Measurement;
using EntityActors.Bench.Stores;
using EntityActors.Tests.Shared;

namespace EntityActors.Bench.Scenarios;

/// <summary>Reads by id, or queries by tag, of a loaded store.</summary>
internal static class ReadsScenario
{
    private const int Workers = 16;
    private static readonly TimeSpan WarmUp = TimeSpan.FromSeconds(1);

    public static Task<MarkdownTable> ReadsAsync(BenchOptions options) => RunAsync(options, "Reads by id",
        ("get with content", async (store, random) =>
        {
            var length = await store.ReadAsync(Workload.IdOf(random.Next(options.Entities)));
            if (length != Workload.ContentBytes) throw new InvalidDataException($"{store.Name}: {length} bytes of content");
        }));

    public static Task<MarkdownTable> QueriesAsync(BenchOptions options) => RunAsync(options, "Queries by tag",
        ($"tag → {Workload.SmallGroup}", (store, random) =>
            QueryAsync(store, Workload.SmallTag(random.Next(options.Entities / Workload.SmallGroup)), Workload.SmallGroup)),
        ($"tag → {Workload.LargeGroup}", (store, random) =>
            QueryAsync(store, Workload.LargeTag(random.Next(options.Entities / Workload.LargeGroup)), Workload.LargeGroup)));

    private static async Task QueryAsync(IBenchStore store, string tag, int expected)
    {
        var found = await store.QueryAsync(tag, expected);
        if (found != expected) throw new InvalidDataException($"{store.Name}: {found} entities with {tag} instead of {expected}");
    }

    private static async Task<MarkdownTable> RunAsync(BenchOptions options, string title, params (string Name, Func<IBenchStore, Random, Task> Operation)[] operations)
    {
        if (options.Entities < Workload.LargeGroup) throw new ArgumentException($"at least {Workload.LargeGroup} entities are needed");
        var table = new MarkdownTable($"{title}, {options.Entities:N0} entities, {Workers} at a time (median of {options.Runs})",
            "store", "operation", "per second", "p50 µs", "p99 µs");
        foreach (var name in options.StoresAmong(BenchStores.Readable))
        {
            using var directory = new TempDirectory("bench-", options.DataDirectory);
            await using var store = await BenchStores.OpenAsync(name, directory.Path);
            await StoreLoader.LoadAsync(store, options);
            foreach (var (operationName, operation) in operations)
            {
                await MeasureAsync(store, operation, WarmUp, options.Seed);
                var runs = new List<Throughput>();
                for (var run = 0; run < options.Runs; run++) runs.Add(await MeasureAsync(store, operation, options.Duration, options.Seed + run + 1));
                var median = Throughput.Median(runs);
                Console.Error.WriteLine($"{name}, {operationName}: {median.PerSecond:N0}/s");
                table.Add(name, operationName, MarkdownTable.Number(median.PerSecond), MarkdownTable.Number(median.P50Microseconds), MarkdownTable.Number(median.P99Microseconds));
            }
        }

        return table;
    }

    private static async Task<Throughput> MeasureAsync(IBenchStore store, Func<IBenchStore, Random, Task> operation, TimeSpan duration, long seed)
    {
        // One generator a thread: Random is not thread-safe, and a lock would be measured with the store.
        var streams = 0;
        using var random = new ThreadLocal<Random>(() => SeedSource.For(seed, Interlocked.Increment(ref streams)));
        return await Load.RunAsync(Workers, duration, int.MaxValue, _ => operation(store, random.Value!));
    }
}
