using EntityActors.Bench.Measurement;
using EntityActors.Bench.Stores;
using EntityActors.Tests.Shared;

namespace EntityActors.Bench.Http;

/// <summary>Durable PUT and GET over HTTP: the real program beside PostgreSQL behind a minimal API of equal shape. They take turns in each round.</summary>
/// <remarks>Both run all the time, with the same client; before the first round both must answer alike, and after the last one no update may be missing.</remarks>
internal static class HttpScenario
{
    private static readonly TimeSpan WarmReads = TimeSpan.FromSeconds(2);

    public static async Task<MarkdownTable> RunAsync(BenchOptions options, int connections)
    {
        using var directory = new TempDirectory("bench-", options.DataDirectory);
        await using var store = await StoreServer.StartAsync(directory.Path);
        var (postgres, reason) = await PostgresOrReasonAsync(directory.Path, connections);
        await using var peer = postgres;
        var loads = new List<HttpLoad> { new(store, options, connections) };
        if (postgres is not null) loads.Add(new HttpLoad(postgres, options, connections));
        try
        {
            await PrepareAsync(loads);
            for (var round = 1; round <= options.Runs; round++) await MeasureAsync(loads, round);
            foreach (var load in loads) await load.CheckRevisionsAsync();
            if (postgres is not null) await postgres.CheckHistoryAsync(loads[^1].Acknowledged);
        }
        finally
        {
            foreach (var load in loads) load.Dispose();
        }

        var table = TableOf(loads, options, connections);
        table.Note(postgres is null ? $"PostgreSQL was not measured: {reason}" : await postgres.DescribeAsync());
        return table;
    }

    private static async Task<(PostgresServer? Server, string Reason)> PostgresOrReasonAsync(string directory, int connections)
    {
        try
        {
            return (await PostgresServer.StartAsync(directory, connections), "");
        }
        catch (PostgresUnavailableException cause)
        {
            Console.Error.WriteLine($"PostgreSQL is not measured: {cause.Message}");
            return (null, cause.Message);
        }
    }

    private static async Task PrepareAsync(List<HttpLoad> loads)
    {
        foreach (var load in loads)
        {
            await load.FillAsync();
            await load.WarmReadsAsync(WarmReads);
        }

        var shapes = new List<string>();
        foreach (var load in loads) shapes.Add(await load.ShapeAsync());
        if (shapes.Distinct().Count() > 1) throw new InvalidDataException($"the servers answer differently:\n{string.Join("\n\n", shapes)}");
    }

    private static async Task MeasureAsync(List<HttpLoad> loads, int round)
    {
        // Who begins changes from round to round: the second one meets what the first one left to do.
        var order = round % 2 == 1 ? loads : [.. loads.AsEnumerable().Reverse()];
        foreach (var load in order) await load.MeasurePutsAsync();
        foreach (var load in order) await load.MeasureGetsAsync();
        foreach (var load in loads)
            Console.Error.WriteLine($"round {round}: {load.Name}: PUT {load.Puts[^1].Rate.PerSecond:N0}/s, GET {load.Gets[^1].Rate.PerSecond:N0}/s");
    }

    private static MarkdownTable TableOf(List<HttpLoad> loads, BenchOptions options, int connections)
    {
        var table = new MarkdownTable($"HTTP, {connections} connections (median of {options.Runs})",
            "request", "server", "requests/s", "spread", "÷ PostgreSQL", "p50 µs", "p99 µs", "server's CPU µs a request", "client's");
        AddRows(table, "PUT", loads, load => load.Puts);
        AddRows(table, "GET", loads, load => load.Gets);
        table.Note($"{options.Entities:N0} entities of 5 tags of 20 bytes and {Workload.ContentBytes} bytes of JSON content; {options.Duration.TotalSeconds:N0} s a round. "
            + "Every other PUT is a new entity, the others change tags and content of one that is there. HTTP/1.1, connections stay open, client on the same machine.");
        return table;
    }

    private static void AddRows(MarkdownTable table, string request, List<HttpLoad> loads, Func<HttpLoad, List<HttpReading>> readings)
    {
        var peer = loads.Count > 1 ? HttpReading.Median(readings(loads[^1])).Rate.PerSecond : double.NaN;
        foreach (var load in loads)
        {
            var rounds = readings(load);
            var median = HttpReading.Median(rounds);
            table.Add(request, load.Name, MarkdownTable.Number(median.Rate.PerSecond),
                $"{MarkdownTable.Number(rounds.Min(round => round.Rate.PerSecond))} … {MarkdownTable.Number(rounds.Max(round => round.Rate.PerSecond))}",
                MarkdownTable.Number(median.Rate.PerSecond / peer), MarkdownTable.Number(median.Rate.P50Microseconds), MarkdownTable.Number(median.Rate.P99Microseconds),
                MarkdownTable.Number(median.ServerMicroseconds), MarkdownTable.Number(median.ClientMicroseconds));
        }
    }
}
