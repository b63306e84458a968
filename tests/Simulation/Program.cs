using System.Globalization;
using EntityActors.Simulation.Tests.Damage;
using EntityActors.Simulation.Tests.Exploration;
using EntityActors.Simulation.Tests.Mutants;
using EntityActors.Simulation.Tests.Owners;
using EntityActors.Simulation.Tests.RealDisks;
using EntityActors.Tests.Shared;

namespace EntityActors.Simulation.Tests;

/// <summary>
/// <c>crashes --states N --seconds N --seed N --operations N --depth N --threads N --each N --findings N</c> explores;
/// <c>faults --faults N --seconds N --seed N --operations N --threads N --findings N</c> fails each call of workloads;
/// <c>crashes --seed N --operations N --crash 12.3/4.5</c> and <c>faults --seed N --operations N --call N --kind N</c> replay what a finding names;
/// <c>shutdowns --file-system ext4|xfs --cycles N --seconds N --seed N</c> cuts the power of a real file system (needs root);
/// <c>calls --from N --to N --seconds N --seed N --steps N</c> makes system calls fail, one per process (needs strace);
/// <c>mutants --seconds N --only TEXT|TEXT</c> takes out one protection after the other and tells whether that is found;
/// <c>damage --images N --seconds N --seed N --operations N --threads N</c> damages a store in every way, 0 images being all of them;
/// <c>damage --seed N --operations N --killed 0 --image flip:7:/data/…</c> tries one of them alone.
/// </summary>
internal static class Program
{
    public static int Main(string[] arguments)
    {
        var options = Options(arguments.AsSpan(Math.Min(1, arguments.Length)));
        var seed = Number("--seed", 1);
        var operations = (int)Number("--operations", ExplorationLimits.OperationsDefault);
        var threads = (int)Number("--threads", Environment.ProcessorCount);
        var findings = (int)Number("--findings", 20);
        switch (arguments.FirstOrDefault())
        {
            case "crashes" when options.TryGetValue("--crash", out var path):
                CrashExplorer.Replay(seed, operations, CrashPath.Parse(path), Console.WriteLine);
                Console.WriteLine("no promise was broken");
                return 0;
            case "crashes":
                return Explore(new ExplorationLimits(seed, Number("--states", 200_000), TimeSpan.FromSeconds(Number("--seconds", 3600)), operations,
                    (int)Number("--depth", 3), threads) { StatesPerWorkload = Number("--each", 10_000), FindingsMax = findings });
            case "faults" when options.ContainsKey("--call"):
                FaultExplorer.Replay(seed, (int)Number("--operations", FaultLimits.OperationsDefault), Number("--call", 1), (int)Number("--kind", -1), Console.WriteLine);
                Console.WriteLine("no promise was broken");
                return 0;
            case "faults":
                return Fail(new FaultLimits(seed, Number("--faults", 20_000), TimeSpan.FromSeconds(Number("--seconds", 3600)),
                    (int)Number("--operations", FaultLimits.OperationsDefault), threads) { FindingsMax = findings });
            case "shutdowns":
                return RealDiskCommands.Cut(options.GetValueOrDefault("--file-system", "ext4"), seed, (int)Number("--cycles", 500), TimeSpan.FromSeconds(Number("--seconds", 3600)));
            case "calls":
                return RealDiskCommands.FailCalls(seed, (int)Number("--steps", 200), (int)Number("--from", 1), (int)Number("--to", 200), TimeSpan.FromSeconds(Number("--seconds", 7200)));
            case "steps":
                Console.WriteLine(SteppedProcess.Run(options["--data"], seed, (int)Number("--steps", 200)));
                return 0;
            case "mutants":
                return Mutate(TimeSpan.FromSeconds(Number("--seconds", 60)), seed, options.GetValueOrDefault("--only", ""));
            case "owners" when options.TryGetValue("--schedule", out var schedule):
                OwnerExplorer.Replay(OwnerScenario.Parse(options["--scenario"]), OwnerSchedule.Parse(schedule), Console.WriteLine);
                Console.WriteLine("no promise was broken");
                return 0;
            case "owners":
                return Own(options.TryGetValue("--scenario", out var scenario) ? [OwnerScenario.Parse(scenario)] : OwnerCommand.Scenarios((int)Number("--owners", 2)),
                    new OwnerLimits(seed, (int)Number("--preemptions", 2), Number("--kills", 1) != 0, Number("--each", long.MaxValue), (int)Number("--random", 200)),
                    TimeSpan.FromSeconds(Number("--seconds", 3600)), threads, findings);
            case "damage" when options.TryGetValue("--image", out var image):
                Console.WriteLine(DamageExplorer.Replay(seed, (int)Number("--operations", DamageLimits.OperationsDefault), Number("--killed", 0) == 0, DamageImage.Parse(image)));
                return 0;
            case "damage":
                return Damage(new DamageLimits(seed, Number("--images", 0), TimeSpan.FromSeconds(Number("--seconds", 3600)),
                    (int)Number("--operations", DamageLimits.OperationsDefault), threads));
            default:
                Console.Error.WriteLine("crashes [--states N] [--seconds N] [--crash POINT.OUTCOME[/POINT.OUTCOME…]] | faults [--faults N] [--seconds N] "
                    + "[--call N] [--kind N] | shutdowns [--file-system ext4|xfs] [--cycles N] [--seconds N] | calls [--from N] [--to N] [--seconds N] [--steps N] "
                    + "| mutants [--seconds N] [--only TEXT|TEXT] | damage [--images N] [--seconds N] [--image KIND:AT:PATH] [--killed 0|1], each with [--seed N] [--operations N]");
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

    private static int Damage(DamageLimits limits)
    {
        var explorer = new DamageExplorer(limits);
        explorer.Run();
        foreach (var finding in explorer.Findings) Console.WriteLine(finding);
        Console.WriteLine(Report.Of(explorer));
        return explorer.Findings.Count == 0 ? 0 : 1;
    }

    private static int Own(IReadOnlyList<OwnerScenario> scenarios, OwnerLimits limits, TimeSpan time, int threads, int findings)
    {
        var clock = System.Diagnostics.Stopwatch.StartNew();
        Console.WriteLine("| owners | points of calls | schedules | complete to preemptions | drawn | with a kill | with a power cut | outcomes | violations |");
        Console.WriteLine("| --- | --- | --- | --- | --- | --- | --- | --- | --- |");
        var done = OwnerCommand.Run(scenarios, limits, time, threads, findings, figures =>
        {
            Console.WriteLine(OwnerCommand.Describe(figures));
            foreach (var finding in figures.Findings) Console.WriteLine(finding);
        });
        var schedules = done.Sum(figures => figures.Schedules + figures.RandomSchedules);
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{schedules} schedules of {done.Count} of {scenarios.Count} scenarios, "
            + $"{done.Count(figures => figures.CompletePreemptions == limits.Preemptions)} with all schedules of {limits.Preemptions} preemptions, {done.Sum(figures => figures.Outcomes)} outcomes, "
            + $"{done.Sum(figures => figures.Findings.Count)} violations, {schedules / clock.Elapsed.TotalSeconds:F0} schedules/s"));
        return done.Any(figures => figures.Findings.Count > 0) ? 1 : 0;
    }

    private static int Mutate(TimeSpan time, long seed, string only)
    {
        using var scratch = new TempDirectory("entityactors-mutants-");
        var mutants = MutantTable.All.Where(mutant => only.Split('|').Any(text => mutant.Name.Contains(text, StringComparison.Ordinal))).ToArray();
        var missed = new MutantRun(MutantRun.FindRepository(), scratch.Path, time, seed).Run(mutants, Console.WriteLine);
        Console.WriteLine($"{mutants.Length - missed} of {mutants.Length} caught");
        return missed == 0 ? 0 : 1;
    }

    private static Dictionary<string, string> Options(ReadOnlySpan<string> arguments)
    {
        var options = new Dictionary<string, string>(StringComparer.Ordinal);
        for (var i = 0; i + 1 < arguments.Length; i += 2) options[arguments[i]] = arguments[i + 1];
        return options;
    }
}
