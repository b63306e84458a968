using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;
using EntityActors.Simulation.Tests.Model;
using EntityActors.Tests.Shared;

namespace EntityActors.Simulation.Tests.RealDisks;

/// <summary>The kernel's answer to one system call of a process, by <c>strace -e inject</c>.</summary>
/// <param name="Call">Name of the system call.</param>
/// <param name="Answer">As strace takes it: <c>error=EIO</c>, or <c>retval=0</c> for a write that writes nothing.</param>
/// <param name="Number">Which of these calls of the process, from 1.</param>
internal sealed record CallFault(string Call, string Answer, int Number)
{
    public override string ToString() => $"{Call}:{Answer}:when={Number.ToString(CultureInfo.InvariantCulture)}";
}

/// <summary>Makes each of a process's first writes and syncs fail in turn and in several ways, one process each.</summary>
internal sealed partial class CallFaults(long seed, int steps)
{
    private static readonly TimeSpan ProcessTimeMax = TimeSpan.FromMinutes(2);
    private static readonly string[] Errors = ["error=EIO", "error=ENOSPC", "error=EDQUOT", "error=EROFS"];

    private int _reached;
    private int _failedLogSyncs;

    /// <summary>Faults that were met.</summary>
    public int Reached => _reached;

    /// <summary>Faults that hit a sync of a log file, after which that log must never be written again.</summary>
    public int FailedLogSyncs => _failedLogSyncs;

    public static string? Unavailable()
    {
        try
        {
            using var process = Start(["-o", "/dev/null", "-e", "trace=fsync", "-e", "inject=fsync:error=EIO:when=1000", "true"]);
            process.WaitForExit();
            return process.ExitCode == 0 ? null : "strace cannot trace a process here";
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return "strace is not installed";
        }
    }

    /// <summary>Every way for each of the numbers, the calls in turn.</summary>
    public static IEnumerable<CallFault> At(IEnumerable<int> numbers) =>
        from number in numbers
        from way in Errors.SelectMany(error => new[] { ("fdatasync", error), ("fsync", error), ("pwrite64", error) }).Append(("pwrite64", "retval=0"))
        select new CallFault(way.Item1, way.Item2, number);

    /// <summary>Throws at the first broken promise.</summary>
    public void Run(IEnumerable<CallFault> faults, TimeSpan time)
    {
        var started = Stopwatch.GetTimestamp();
        var queue = new ConcurrentQueue<CallFault>(faults);
        var failures = new ConcurrentQueue<Exception>();
        var workers = new Thread[Environment.ProcessorCount];
        for (var i = 0; i < workers.Length; i++)
        {
            workers[i] = new Thread(() =>
            {
                while (failures.IsEmpty && Stopwatch.GetElapsedTime(started) < time && queue.TryDequeue(out var fault))
                {
                    try
                    {
                        Check(fault);
                    }
                    catch (Exception failure)
                    {
                        failures.Enqueue(new SimulationViolation($"{fault}, seed {seed}, {steps} steps: {failure.Message}"));
                    }
                }
            });
            workers[i].Start();
        }

        foreach (var worker in workers) worker.Join();
        if (failures.TryDequeue(out var first)) throw first;
    }

    private void Check(CallFault fault)
    {
        using var directory = new TempDirectory("entityactors-calls-");
        var trace = directory.File("trace");
        using var process = Start(["-f", "-y", "-o", trace, "-e", "trace=fdatasync,fsync,pwrite64", "-e", $"inject={fault}",
            Environment.ProcessPath!, .. Assembly(), "steps", "--data", directory.File("data"), "--seed", Text(seed), "--steps", Text(steps)]);
        var output = process.StandardOutput.ReadToEndAsync();
        var errors = process.StandardError.ReadToEndAsync();
        if (!process.WaitForExit(ProcessTimeMax))
        {
            process.Kill(entireProcessTree: true);
            throw new SimulationViolation($"the process hangs; the trace ends with {File.ReadLines(trace).LastOrDefault()}");
        }

        SimulationViolation.Unless(process.ExitCode == 0, $"the process ended with {process.ExitCode}: {output.Result}{errors.Result}");
        Read(trace);
    }

    /// <summary>After a failed sync of a log file nothing is written to that log any more, so nothing of it can be acknowledged.</summary>
    private void Read(string trace)
    {
        var failed = new HashSet<string>(StringComparer.Ordinal);
        var isReached = false;
        foreach (var line in File.ReadLines(trace))
        {
            var isInjected = line.Contains("(INJECTED)", StringComparison.Ordinal);
            isReached |= isInjected;
            if (LogCall().Match(line) is not { Success: true } call) continue;
            var log = call.Groups["log"].Value;
            if (call.Groups["name"].Value == "pwrite64")
                SimulationViolation.Unless(!failed.Contains(log), $"log {log} was written to after one of its syncs failed: {line}");
            else if (isInjected)
            {
                failed.Add(log);
                Interlocked.Increment(ref _failedLogSyncs);
            }
        }

        if (isReached) Interlocked.Increment(ref _reached);
    }

    // A test host runs the assembly through dotnet; as a command it may be its own program.
    private static string[] Assembly() =>
        Path.GetFileNameWithoutExtension(Environment.ProcessPath) == "dotnet" ? [typeof(CallFaults).Assembly.Location] : [];

    private static string Text(long number) => number.ToString(CultureInfo.InvariantCulture);

    private static Process Start(string[] arguments)
    {
        var info = new ProcessStartInfo("strace") { UseShellExecute = false, RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (var argument in arguments) info.ArgumentList.Add(argument);
        return Process.Start(info)!;
    }

    // The zeros of a file that is being prepared are no records: it has another name until it is used.
    [GeneratedRegex(@"(?<name>fdatasync|pwrite64)\(\d+<[^>]*/(?<log>[0-9a-f]{16})/[0-9a-f]{16}\.wal>")]
    private static partial Regex LogCall();
}
