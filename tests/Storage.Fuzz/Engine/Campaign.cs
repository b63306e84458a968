using System.Diagnostics;
using System.Globalization;
using EntityActors.Storage.Fuzz.Decoders;
using EntityActors.Tests.Shared.Processes;

namespace EntityActors.Storage.Fuzz.Engine;

/// <summary>Fuzzes decoders in processes of their own, since the map of branches is one per process.</summary>
/// <remarks>
/// Each worker fuzzes its share of the decoders one after the other; a single decoder is fuzzed by every worker from another seed. A worker
/// that dies of an input (a loop, an exhausted stack) is replaced by one that goes on with the decoders behind it.
/// </remarks>
internal sealed class Campaign(FuzzOptions options, TextWriter output)
{
    private readonly Lock _gate = new();
    private readonly List<FuzzReport> _reports = [];
    private int _crashes;

    /// <returns>The number of findings.</returns>
    public async Task<int> RunAsync()
    {
        var names = DecoderTable.Named(options.Decoders).Select(static decoder => decoder.Name).ToList();
        using var copy = new InstrumentedCopy();
        var isOne = names.Count == 1;
        var workers = Enumerable.Range(0, isOne ? options.Threads : Math.Min(options.Threads, names.Count));
        await Task.WhenAll(workers.Select(worker => WorkAsync(copy, worker,
            isOne ? names : [.. names.Where((_, i) => i % options.Threads == worker)], isOne ? options.Executions / options.Threads : options.Executions)));
        var findings = _crashes + _reports.Sum(static report => report.FindingCount);
        output.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{names.Count} decoders, {_reports.Sum(static report => report.Executions):N0} executions, {findings} findings, seed {options.Seed}"));
        return findings;
    }

    private async Task WorkAsync(InstrumentedCopy copy, int worker, List<string> names, long executions)
    {
        var left = new List<string>(names);
        while (left.Count > 0)
        {
            var current = copy.Scratch($"current-{worker}");
            var exit = await RunWorkerAsync(copy.Program, current, left, executions, options.Seed + (ulong)worker);
            if (exit == 0 && left.Count == 0) return;
            // Without a report it ended of the input under way, or before the first one.
            var (decoder, input) = CurrentInput.Read(current);
            lock (_gate)
            {
                _crashes++;
                output.WriteLine(new FindingStore(options.Findings).Add(decoder, $"the process ended with code {exit}", input));
            }

            left.Remove(left[0]);
        }
    }

    /// <param name="left">Those with a report are taken out.</param>
    private async Task<int> RunWorkerAsync(string program, string current, List<string> left, long executions, ulong seed)
    {
        var info = new ProcessStartInfo(EaCommand.DotnetPath) { UseShellExecute = false, RedirectStandardOutput = true };
        foreach (var argument in (string[])[program, "worker", "--decoder", string.Join(',', left), "--executions", Text(executions), "--seconds",
            Text(options.SecondsPerDecoder), "--seed", seed.ToString(CultureInfo.InvariantCulture), "--findings", options.Findings, "--current", current])
        {
            info.ArgumentList.Add(argument);
        }

        using var process = Process.Start(info) ?? throw new InvalidOperationException("a worker did not start");
        while (await process.StandardOutput.ReadLineAsync() is { } line) Take(line, left);
        await process.WaitForExitAsync();
        return process.ExitCode;
    }

    private void Take(string line, List<string> left)
    {
        lock (_gate)
        {
            var report = FuzzReport.Parse(line);
            output.WriteLine(report?.ToString() ?? line);
            if (report is null) return;
            _reports.Add(report);
            left.Remove(report.Decoder);
        }
    }

    private static string Text(long number) => number.ToString(CultureInfo.InvariantCulture);
}
