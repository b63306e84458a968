using EntityActors.Bench.Stores;

namespace EntityActors.Bench.Scenarios;

/// <summary>Fills a store through its normal write path.</summary>
internal static class StoreLoader
{
    private const int Writers = 256;
    private const int Chunk = 50_000;

    /// <remarks>Records no latencies: what the load itself keeps would be counted as the store's memory.</remarks>
    public static async Task LoadAsync(IBenchStore store, BenchOptions options)
    {
        var workload = new Workload(options.Seed);
        for (var first = 0; first < options.Entities; first += Chunk)
            await WriteAllAsync(store, workload.Make(first, Math.Min(Chunk, options.Entities - first)));
    }

    private static async Task WriteAllAsync(IBenchStore store, BenchEntity[] entities)
    {
        var next = -1;
        await Task.WhenAll(Enumerable.Range(0, Writers).Select(_ => Task.Run(async () =>
        {
            for (var i = Interlocked.Increment(ref next); i < entities.Length; i = Interlocked.Increment(ref next))
                await store.WriteAsync(entities[i]);
        })));
    }
}
