using System.Diagnostics;
using System.Globalization;
using EntityActors.Bench.Measurement;
using EntityActors.Bench.Stores;
using EntityActors.Tests.Shared;

namespace EntityActors.Bench.Scenarios;

/// <summary>Bytes on disk and in memory per entity. Each store is loaded in a process of its own, so that none pays for another's memory.</summary>
internal static class SizeScenario
{
    public const string ChildCommand = "size-of-one";

    public static async Task<MarkdownTable> RunAsync(BenchOptions options)
    {
        var table = new MarkdownTable($"Size, {options.Entities:N0} entities",
            "store", "disk bytes/entity", "managed bytes/entity", "resident bytes/entity", "load s");
        foreach (var store in options.StoresAmong(BenchStores.Readable))
        {
            var figures = await RunChildAsync(options, store);
            table.Add([store, .. figures.Select(MarkdownTable.Number)]);
        }

        table.Note("Memory is the difference between the loaded store and the empty one, after a full collection, caches included. "
            + "Disk includes preallocated log files.");
        return table;
    }

    /// <summary>Body of the child: prints disk, managed and resident bytes per entity and the seconds of the load.</summary>
    public static async Task RunOneAsync(BenchOptions options, string name)
    {
        using var directory = new TempDirectory("bench-", options.DataDirectory);
        await using var store = await BenchStores.OpenAsync(name, directory.Path);
        var (managed, resident) = Memory();
        var started = Stopwatch.GetTimestamp();
        await StoreLoader.LoadAsync(store, options);
        var elapsed = Stopwatch.GetElapsedTime(started);

        // We were resumed on the stack of the last worker, whose frames still hold the input; it must not count as the store's memory.
        await Task.Yield();
        var (managedAfter, residentAfter) = Memory();
        double[] figures =
        [
            (double)ProcessReading.DirectoryBytes(directory.Path) / options.Entities, (double)(managedAfter - managed) / options.Entities,
            (double)(residentAfter - resident) / options.Entities, elapsed.TotalSeconds,
        ];
        Console.WriteLine(string.Join(' ', figures.Select(figure => figure.ToString("R", CultureInfo.InvariantCulture))));
    }

    private static async Task<double[]> RunChildAsync(BenchOptions options, string store)
    {
        var info = SelfProcess.StartInfo(
            ChildCommand, "--stores", store, "--entities", options.Entities.ToString(CultureInfo.InvariantCulture), "--data", options.DataDirectory,
            "--seed", options.Seed.ToString(CultureInfo.InvariantCulture));
        using var child = Process.Start(info) ?? throw new InvalidOperationException("the child did not start");
        var output = await child.StandardOutput.ReadToEndAsync();
        await child.WaitForExitAsync();
        if (child.ExitCode != 0) throw new InvalidOperationException($"measuring {store} ended with {child.ExitCode}");
        var last = output.Split('\n', StringSplitOptions.RemoveEmptyEntries)[^1];
        return [.. last.Split(' ').Select(figure => double.Parse(figure, CultureInfo.InvariantCulture))];
    }

    private static (long Managed, long Resident) Memory()
    {
        GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
        GC.WaitForPendingFinalizers();
        GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
        return (GC.GetTotalMemory(forceFullCollection: true), ProcessReading.ResidentBytes(Environment.ProcessId));
    }
}
