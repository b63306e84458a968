using System.CommandLine;
using System.Globalization;
using EntityActors.Simulation.Tests.Damage;
using EntityActors.Simulation.Tests.Exploration;
using EntityActors.Simulation.Tests.Mutants;
using EntityActors.Simulation.Tests.Owners;
using EntityActors.Simulation.Tests.RealDisks;
using EntityActors.Tests.Shared;

namespace EntityActors.Simulation.Tests;

/// <summary>The commands that try to break the store; <c>--help</c> tells of each.</summary>
internal static class Program
{
    private static readonly Option<long> Seed = Number("--seed", 1, "Draws everything; what a run prints replays it");
    private static readonly Option<int> Threads = Count("--threads", Environment.ProcessorCount, "Worlds tried at once");
    private static readonly Option<int> Findings = Count("--findings", 20, "Broken promises after which a run ends");

    public static int Main(string[] arguments)
    {
        var root = new RootCommand("Tries to break the store: simulated disks, damaged files, interleaved owners, real disks, protections taken out.");
        foreach (var command in new[] { Crashes(), Faults(), Damages(), Interleaved(), Shutdowns(), Calls(), Steps(), Mutations() }) root.Subcommands.Add(command);
        var parsed = root.Parse(arguments);
        var exitCode = parsed.Invoke();
        // 1 is a promise that was broken.
        return parsed.Errors.Count > 0 ? 2 : exitCode;
    }

    private static Command Crashes()
    {
        var (states, seconds, operations) = (Number("--states", 200_000, "Distinct states to recover and check"), Seconds(3600), Operations(ExplorationLimits.OperationsDefault));
        var (depth, each) = (Count("--depth", 3, "Crashes in a row, the later ones in recoveries"), Number("--each", 10_000, "States of one workload"));
        var twice = Count("--twice", ExplorationLimits.TwiceIntervalDefault, "One in so many states is recovered twice; a replay always is");
        var crash = Text("--crash", "POINT.OUTCOME[/POINT.OUTCOME…]", "Replays this crash alone");
        return New("crashes", "A crash at calls of random workloads, with several outcomes each", [states, seconds, Seed, operations, depth, each, twice, Threads, Findings, crash], parsed =>
        {
            if (parsed.GetValue(crash) is { } path)
            {
                CrashExplorer.Replay(parsed.GetValue(Seed), parsed.GetValue(operations), CrashPath.Parse(path), Console.WriteLine);
                return Held();
            }

            return Explore(new ExplorationLimits(parsed.GetValue(Seed), parsed.GetValue(states), Time(parsed, seconds), parsed.GetValue(operations),
                parsed.GetValue(depth), parsed.GetValue(Threads))
            {
                StatesPerWorkload = parsed.GetValue(each), TwiceInterval = parsed.GetValue(twice), FindingsMax = parsed.GetValue(Findings),
            });
        });
    }

    private static Command Faults()
    {
        var (faults, seconds, operations) = (Number("--faults", 20_000, "Calls to fail"), Seconds(3600), Operations(FaultLimits.OperationsDefault));
        var (call, kind) = (Text("--call", "N", "Fails this call alone"), Number("--kind", -1, "How it fails; every way when not given"));
        return New("faults", "Each call of random workloads fails, in every way it can", [faults, seconds, Seed, operations, Threads, Findings, call, kind], parsed =>
        {
            if (parsed.GetValue(call) is { } one)
            {
                FaultExplorer.Replay(parsed.GetValue(Seed), parsed.GetValue(operations), long.Parse(one, CultureInfo.InvariantCulture), (int)parsed.GetValue(kind), Console.WriteLine);
                return Held();
            }

            return Fail(new FaultLimits(parsed.GetValue(Seed), parsed.GetValue(faults), Time(parsed, seconds), parsed.GetValue(operations), parsed.GetValue(Threads))
            {
                FindingsMax = parsed.GetValue(Findings),
            });
        });
    }

    private static Command Damages()
    {
        var (images, seconds, operations) = (Number("--images", 0, "Damaged images to try; 0: all there are"), Seconds(3600), Operations(DamageLimits.OperationsDefault));
        var (image, killed) = (Text("--image", "KIND:AT:PATH", "Tries this image alone"), Count("--killed", 0, "With --image: 1 when the store was killed, 0 when it was stopped"));
        return New("damage", "Every bit, length, sector and exchange of the files of a small store", [images, seconds, Seed, operations, Threads, image, killed], parsed =>
        {
            if (parsed.GetValue(image) is { } one)
            {
                Console.WriteLine(DamageExplorer.Replay(parsed.GetValue(Seed), parsed.GetValue(operations), parsed.GetValue(killed) == 0, DamageImage.Parse(one)));
                return 0;
            }

            return Damage(new DamageLimits(parsed.GetValue(Seed), parsed.GetValue(images), Time(parsed, seconds), parsed.GetValue(operations), parsed.GetValue(Threads)));
        });
    }

    private static Command Interleaved()
    {
        var (scenario, owners) = (Text("--scenario", "STEPS|STEPS", "Only this one"), Count("--owners", 2, "Owners of the built-in scenarios"));
        var (preemptions, kills) = (Count("--preemptions", 2, "Up to so many, every schedule is tried"), Count("--kills", 1, "0: nobody is killed"));
        var (each, random) = (Number("--each", long.MaxValue, "Schedules of one scenario"), Count("--random", 200, "Schedules drawn besides"));
        var (schedule, seconds) = (Text("--schedule", "\"POINT>OWNER …\"", "With --scenario: replays this schedule alone"), Seconds(3600));
        return New("owners", "Owners of one shard interleaved call by call", [scenario, owners, preemptions, kills, each, random, schedule, seconds, Seed, Threads, Findings], parsed =>
        {
            OwnerScenario[] scenarios = parsed.GetValue(scenario) is { } text ? [OwnerScenario.Parse(text)] : [];
            if (parsed.GetValue(schedule) is { } one)
            {
                if (scenarios.Length == 0) throw new FormatException("a schedule is that of a --scenario");
                OwnerExplorer.Replay(scenarios[0], OwnerSchedule.Parse(one), Console.WriteLine);
                return Held();
            }

            return Own(scenarios.Length > 0 ? scenarios : OwnerCommand.Scenarios(parsed.GetValue(owners)),
                new OwnerLimits(parsed.GetValue(Seed), parsed.GetValue(preemptions), parsed.GetValue(kills) != 0, parsed.GetValue(each), parsed.GetValue(random)),
                Time(parsed, seconds), parsed.GetValue(Threads), parsed.GetValue(Findings));
        });
    }

    private static Command Shutdowns()
    {
        var system = new Option<string>("--file-system") { Description = "What is mounted", DefaultValueFactory = static _ => "ext4" };
        system.AcceptOnlyFromAmong("ext4", "xfs");
        var (cycles, seconds) = (Count("--cycles", 500, "Power cuts"), Seconds(3600));
        return New("shutdowns", "Cuts the power of a real file system under load (needs root)", [system, cycles, seconds, Seed],
            parsed => RealDiskCommands.Cut(parsed.GetValue(system)!, parsed.GetValue(Seed), parsed.GetValue(cycles), Time(parsed, seconds)));
    }

    private static Command Calls()
    {
        var (from, to, seconds) = (Count("--from", 1, "First call to fail"), Count("--to", 200, "Last call to fail"), Seconds(7200));
        var steps = Count("--steps", 200, "Steps of the process");
        return New("calls", "Makes system calls fail, one per process (needs strace)", [from, to, steps, seconds, Seed],
            parsed => RealDiskCommands.FailCalls(parsed.GetValue(Seed), parsed.GetValue(steps), parsed.GetValue(from), parsed.GetValue(to), Time(parsed, seconds)));
    }

    private static Command Steps()
    {
        var data = new Option<string>("--data") { Required = true, Description = "Data directory" };
        var steps = Count("--steps", 200, "Steps of the process");
        var command = New("steps", "The process whose system calls fail", [data, steps, Seed], parsed =>
        {
            Console.WriteLine(SteppedProcess.Run(parsed.GetValue(data)!, parsed.GetValue(Seed), parsed.GetValue(steps)));
            return 0;
        });
        command.Hidden = true;
        return command;
    }

    private static Command Mutations()
    {
        var only = new Option<string>("--only") { HelpName = "TEXT|TEXT", Description = "Protections with one of these in their names", DefaultValueFactory = static _ => "" };
        var seconds = Seconds(60);
        return New("mutants", "Takes out one protection after the other and tells whether that is found", [seconds, Seed, only],
            parsed => Mutate(Time(parsed, seconds), parsed.GetValue(Seed), parsed.GetValue(only)!));
    }

    private static Command New(string name, string description, Option[] options, Func<ParseResult, int> run)
    {
        var command = new Command(name, description);
        foreach (var option in options) command.Options.Add(option);
        command.SetAction(parsed =>
        {
            try
            {
                return run(parsed);
            }
            catch (FormatException failure)
            {
                Console.Error.WriteLine($"{name}: {failure.Message}");
                return 2;
            }
        });
        return command;
    }

    private static Option<long> Number(string name, long otherwise, string description) =>
        new(name) { HelpName = "N", Description = description, DefaultValueFactory = _ => otherwise };

    private static Option<int> Count(string name, int otherwise, string description) =>
        new(name) { HelpName = "N", Description = description, DefaultValueFactory = _ => otherwise };

    private static Option<string?> Text(string name, string help, string description) => new(name) { HelpName = help, Description = description };

    private static Option<int> Seconds(int otherwise) => Count("--seconds", otherwise, "Time after which a run ends");

    private static Option<int> Operations(int otherwise) => Count("--operations", otherwise, "Operations of a workload");

    private static TimeSpan Time(ParseResult parsed, Option<int> seconds) => TimeSpan.FromSeconds(parsed.GetValue(seconds));

    private static int Held()
    {
        Console.WriteLine("no promise was broken");
        return 0;
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
}
