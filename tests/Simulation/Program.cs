using System.Globalization;
using EntityActors.Simulation.Tests.Exploration;
using EntityActors.Simulation.Tests.Model;
using EntityActors.Simulation.Tests.RealDisks;

namespace EntityActors.Simulation.Tests;

/// <summary>
/// <c>crashes --states N --seconds N --seed N --operations N --depth N --threads N</c> explores;
/// <c>faults --faults N --seconds N --seed N --operations N --threads N</c> fails each call of a workload;
/// <c>shutdowns --file-system ext4|xfs --cycles N --seconds N --seed N</c> cuts the power of a real file system (needs root);
/// <c>calls --from N --to N --seconds N --seed N --steps N</c> makes system calls fail, one per process (needs strace);
/// <c>replay --seed N --operations N --crash 12.3/4.5</c> runs one path alone.
/// </summary>
internal static class Program
{
    public static int Main(string[] arguments)
    {
        var options = Options(arguments.AsSpan(Math.Min(1, arguments.Length)));
        var seed = Number("--seed", 1);
        var operations = (int)Number("--operations", ExplorationLimits.OperationsDefault);
        switch (arguments.FirstOrDefault())
        {
            case "crashes":
                return Explore(new ExplorationLimits(seed, Number("--states", 200_000), TimeSpan.FromSeconds(Number("--seconds", 3600)), operations,
                    (int)Number("--depth", 3), (int)Number("--threads", Environment.ProcessorCount)) { StatesPerWorkload = Number("--each", 10_000) });
            case "faults":
                return Fail(new FaultLimits(seed, Number("--faults", 20_000), TimeSpan.FromSeconds(Number("--seconds", 3600)),
                    (int)Number("--operations", 60), (int)Number("--threads", Environment.ProcessorCount)));
            case "shutdowns":
                return Cut(options.GetValueOrDefault("--file-system", "ext4"), seed, (int)Number("--cycles", 500), TimeSpan.FromSeconds(Number("--seconds", 3600)));
            case "calls":
                return FailCalls(seed, (int)Number("--steps", 150), (int)Number("--from", 1), (int)Number("--to", 200), TimeSpan.FromSeconds(Number("--seconds", 7200)));
            case "steps":
                Console.WriteLine(SteppedProcess.Run(options["--data"], seed, (int)Number("--steps", 150)));
                return 0;
            case "replay":
                CrashExplorer.Replay(seed, operations, CrashPath.Parse(options.GetValueOrDefault("--crash", "")), Console.WriteLine);
                Console.WriteLine("no promise was broken");
                return 0;
            default:
                Console.Error.WriteLine("crashes [--states N] [--seconds N] | faults [--faults N] [--seconds N] | shutdowns [--file-system ext4|xfs] [--cycles N] [--seconds N] | calls [--from N] [--to N] [--seconds N] [--steps N] | replay --crash POINT.OUTCOME[/POINT.OUTCOME…], each with [--seed N] [--operations N]");
                return 2;
        }

        long Number(string name, long otherwise) =>
            options.TryGetValue(name, out var text) ? long.Parse(text, CultureInfo.InvariantCulture) : otherwise;
    }

    private static int Explore(ExplorationLimits limits)
    {
        var explorer = new CrashExplorer(limits, Console.WriteLine);
        explorer.Run();
        Console.WriteLine(Report.Places(explorer));
        Console.WriteLine(Report.Of(explorer));
        return explorer.Findings.Count == 0 ? 0 : 1;
    }

    private static int Fail(FaultLimits limits)
    {
        var explorer = new FaultExplorer(limits);
        explorer.Run();
        foreach (var finding in explorer.Findings) Console.WriteLine(finding);
        Console.WriteLine(Report.Of(explorer));
        return explorer.Findings.Count == 0 ? 0 : 1;
    }

    private static int Cut(string type, long seed, int count, TimeSpan time)
    {
        if (ShutdownCycles.Unavailable(type) is { } reason)
        {
            Console.Error.WriteLine(reason);
            return 2;
        }

        var cycles = new ShutdownCycles(type, seed);
        var violations = 0;
        try
        {
            cycles.Run(count, time);
        }
        catch (SimulationViolation violation)
        {
            Console.WriteLine(violation.Message);
            violations = 1;
        }

        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{type}: {cycles.Cycles} cuts, {cycles.DuringStart} during a start, {cycles.Acknowledged} acknowledged events looked for, {violations} violations"));
        return violations;
    }

    private static int FailCalls(long seed, int steps, int from, int to, TimeSpan time)
    {
        if (CallFaults.Unavailable() is { } reason)
        {
            Console.Error.WriteLine(reason);
            return 2;
        }

        var faults = new CallFaults(seed, steps);
        var violations = 0;
        try
        {
            faults.Run(CallFaults.At(Enumerable.Range(from, to - from + 1)), time);
        }
        catch (SimulationViolation violation)
        {
            Console.WriteLine(violation.Message);
            violations = 1;
        }

        Console.WriteLine($"{faults.Reached} failing calls met, {faults.FailedLogSyncs} of them syncs of the log, {violations} violations");
        return violations;
    }

    private static Dictionary<string, string> Options(ReadOnlySpan<string> arguments)
    {
        var options = new Dictionary<string, string>(StringComparer.Ordinal);
        for (var i = 0; i + 1 < arguments.Length; i += 2) options[arguments[i]] = arguments[i + 1];
        return options;
    }
}
