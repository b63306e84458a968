using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.Json;
using EntityActors.Bench.Measurement;
using EntityActors.Bench.Stores;
using EntityActors.Tests.Shared;
using EntityActors.Tests.Shared.Http;
using EntityActors.Tests.Shared.Processes;

namespace EntityActors.Bench.Scenarios;

/// <summary>Figures of the real program: start-up after kill -9, and what an idle node costs.</summary>
internal static class ServerScenarios
{
    private const string Dataset = "bench";
    private const int ImportChunk = 20_000;
    private static readonly TimeSpan HttpTimeout = TimeSpan.FromMinutes(10);
    private static readonly TimeSpan ReadyTimeout = TimeSpan.FromMinutes(10);

    /// <summary>Checkpoints and merges end, and methods that the load made hot are compiled.</summary>
    private static readonly TimeSpan SettleTime = TimeSpan.FromSeconds(60);

    private static readonly TimeSpan IdleTime = TimeSpan.FromSeconds(30);

    public static async Task<MarkdownTable> StartAsync(BenchOptions options)
    {
        using var directory = new TempDirectory("bench-", options.DataDirectory);
        var server = new ServerOptions(Path.Combine(directory.Path, "data"));
        var (toReady, toAnswer, resident) = (new List<double>(), new List<double>(), new List<double>());
        await using (var loading = await LoadedAsync(server, options)) await loading.KillAsync();
        for (var run = 0; run < options.Runs; run++)
        {
            var started = Stopwatch.GetTimestamp();
            await using var node = ServerProcess.Launch(server);
            using var http = new StoreHttp(await node.WaitReadyAsync(ReadyTimeout), HttpTimeout);
            var id = Workload.IdOf(options.Entities - 1);
            if (await http.GetAsync(Dataset, id) is null) throw new InvalidDataException($"{id} is lost");
            toReady.Add(node.TimeToReady.TotalSeconds);
            toAnswer.Add(Stopwatch.GetElapsedTime(started).TotalSeconds);
            resident.Add(ProcessReading.ResidentBytes(node.ProcessId) / (1024.0 * 1024.0));
            await node.KillAsync();
        }

        var table = new MarkdownTable($"Start-up after kill -9, {options.Entities:N0} entities (median of {options.Runs})",
            "to the ready line s", "to the first answer s", "resident MiB then");
        table.Add(MarkdownTable.Number(Statistics.Median(toReady)), MarkdownTable.Number(Statistics.Median(toAnswer)), MarkdownTable.Number(Statistics.Median(resident)));
        return table;
    }

    public static async Task<MarkdownTable> IdleAsync(BenchOptions options)
    {
        using var directory = new TempDirectory("bench-", options.DataDirectory);
        await using var node = await LoadedAsync(new ServerOptions(Path.Combine(directory.Path, "data")), options);
        await Task.Delay(SettleTime);
        var before = ProcessReading.CpuSeconds(node.ProcessId);
        var started = Stopwatch.GetTimestamp();
        await Task.Delay(IdleTime);
        var used = ProcessReading.CpuSeconds(node.ProcessId) - before;
        var elapsed = Stopwatch.GetElapsedTime(started).TotalSeconds;
        var table = new MarkdownTable($"Idle node, {options.Entities:N0} entities", "seconds watched", "CPU seconds", "% of a core", "resident MiB");
        table.Add(MarkdownTable.Number(elapsed), MarkdownTable.Number(used), MarkdownTable.Number(100 * used / elapsed),
            MarkdownTable.Number(ProcessReading.ResidentBytes(node.ProcessId) / (1024.0 * 1024.0)));
        return table;
    }

    private static async Task<ServerProcess> LoadedAsync(ServerOptions server, BenchOptions options)
    {
        var node = await ServerProcess.StartAsync(server);
        using var http = new StoreHttp(node.BaseAddress, HttpTimeout);
        var workload = new Workload(options.Seed);
        for (var first = 0; first < options.Entities; first += ImportChunk)
        {
            var count = Math.Min(ImportChunk, options.Entities - first);
            using var lines = new MemoryStream(Ndjson(workload.Make(first, count), first));
            var imported = await http.ImportAsync(Dataset, lines);
            if (imported.Applied != count) throw new InvalidDataException($"{imported.Applied} of {count} lines were applied");
        }

        return node;
    }

    private static byte[] Ndjson(BenchEntity[] entities, int first)
    {
        const long firstAt = 1_600_000_000_000_000_000;
        var text = new StringBuilder(entities.Length * 500);
        for (var i = 0; i < entities.Length; i++)
        {
            var entity = entities[i];
            text.Append(CultureInfo.InvariantCulture, $$"""{"at":{{firstAt + first + i}},"op":"put","id":"{{entity.Id}}","tags":""")
                .Append(JsonSerializer.Serialize(entity.Tags)).Append(",\"content\":")
                .Append(JsonSerializer.Serialize(Encoding.ASCII.GetString(entity.Content.Span))).Append("}\n");
        }

        return Encoding.UTF8.GetBytes(text.ToString());
    }
}
