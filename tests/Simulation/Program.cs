using System.Globalization;
using EntityActors.Simulation.Tests.Damage;
using EntityActors.Simulation.Tests.Exploration;

namespace EntityActors.Simulation.Tests;

/// <summary>
/// <c>crashes --states N --seconds N --seed N --operations N --depth N --threads N</c> explores;
/// <c>faults --faults N --seconds N --seed N --operations N --threads N</c> fails each call of a workload;
/// <c>damage --images N --seconds N --seed N --operations N --threads N</c> damages a store in every way, 0 images being all of them;
/// <c>replay --seed N --operations N --image flip:7:/data/… --killed 0</c> tries one of them alone;
/// <c>replay --seed N --operations N --crash 12.3/4.5</c> runs one path alone.
/// </summary>
internal static class Program
{
    public static int Main(string[] arguments)
    {
        var options = Options(arguments.AsSpan(Math.Min(1, arguments.Length)));
        var seed = Number("--seed", 1);
        var operations = (int)Number("--operations", 2000);
        switch (arguments.FirstOrDefault())
        {
            case "crashes":
                return Explore(new ExplorationLimits(seed, Number("--states", 200_000), TimeSpan.FromSeconds(Number("--seconds", 3600)), operations,
                    (int)Number("--depth", 3), (int)Number("--threads", Environment.ProcessorCount)));
            case "faults":
                return Fail(new FaultLimits(seed, Number("--faults", 20_000), TimeSpan.FromSeconds(Number("--seconds", 3600)),
                    (int)Number("--operations", 60), (int)Number("--threads", Environment.ProcessorCount)));
            case "damage":
                return Damage(new DamageLimits(seed, Number("--images", 0), TimeSpan.FromSeconds(Number("--seconds", 3600)),
                    (int)Number("--operations", 120), (int)Number("--threads", Environment.ProcessorCount)));
            case "replay" when options.TryGetValue("--image", out var image):
                Console.WriteLine(DamageExplorer.Replay(seed, (int)Number("--operations", 120), Number("--killed", 0) == 0, DamageImage.Parse(image)));
                return 0;
            case "replay":
                CrashExplorer.Replay(seed, operations, CrashPath.Parse(options.GetValueOrDefault("--crash", "")), Console.WriteLine);
                Console.WriteLine("no promise was broken");
                return 0;
            default:
                Console.Error.WriteLine("crashes [--states N] [--seconds N] | faults [--faults N] [--seconds N] | damage [--images N] [--seconds N] | replay --image KIND:AT:PATH [--killed 0|1] | replay --crash POINT.OUTCOME[/POINT.OUTCOME…], each with [--seed N] [--operations N]");
                return 2;
        }

        long Number(string name, long otherwise) =>
            options.TryGetValue(name, out var text) ? long.Parse(text, CultureInfo.InvariantCulture) : otherwise;
    }

    private static int Explore(ExplorationLimits limits)
    {
        var explorer = new CrashExplorer(limits);
        explorer.Run();
        foreach (var finding in explorer.Findings) Console.WriteLine(finding);
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

    private static Dictionary<string, string> Options(ReadOnlySpan<string> arguments)
    {
        var options = new Dictionary<string, string>(StringComparer.Ordinal);
        for (var i = 0; i + 1 < arguments.Length; i += 2) options[arguments[i]] = arguments[i + 1];
        return options;
    }
}
