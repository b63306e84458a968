using EntityActors.Storage.Fuzz.Decoders;
using EntityActors.Storage.Fuzz.Engine;

namespace EntityActors.Storage.Fuzz;

/// <summary>
/// <c>[--decoder NAME|all] [--executions N] [--seconds N] [--seed N] [--threads N] [--findings DIRECTORY]</c> fuzzes, with the limits for
/// each decoder; <c>replay --decoder NAME --input FILE</c> runs one input; <c>list</c> names the decoders.
/// </summary>
internal static class Program
{
    private static readonly string[] Commands = ["worker", "replay", "list"];

    public static async Task<int> Main(string[] arguments)
    {
        var command = arguments.FirstOrDefault(argument => Commands.Contains(argument)) ?? "";
        var options = Options(arguments.AsSpan(command.Length > 0 ? 1 : 0));
        switch (command)
        {
            case "worker":
                Work(FuzzOptions.Parse(options), options["--current"]);
                return 0;
            case "replay":
                return Replay(DecoderTable.Named(options["--decoder"])[0], await File.ReadAllBytesAsync(options["--input"]));
            case "list":
                foreach (var decoder in DecoderTable.All) Console.WriteLine(decoder.Name);
                return 0;
            default:
                return await new Campaign(FuzzOptions.Parse(options), Console.Out).RunAsync() == 0 ? 0 : 1;
        }
    }

    /// <summary>Runs in the instrumented copy.</summary>
    private static void Work(FuzzOptions options, string currentPath)
    {
        CoverageMap.Install();
        using var current = new CurrentInput(currentPath);
        var findings = new FindingStore(options.Findings);
        foreach (var decoder in DecoderTable.Named(options.Decoders))
        {
            var report = new FuzzRun(decoder, options.Seed, findings, current).Run(options.Executions, TimeSpan.FromSeconds(options.SecondsPerDecoder));
            Console.WriteLine(report.ToLine());
            Console.Out.Flush();
        }
    }

    private static int Replay(Decoder decoder, byte[] input)
    {
        var fault = Execution.Run(decoder, input, out var allocated);
        Console.WriteLine(fault?.Text ?? $"no rule was broken; {allocated} bytes allocated");
        return fault is null ? 0 : 1;
    }

    private static Dictionary<string, string> Options(ReadOnlySpan<string> arguments)
    {
        var options = new Dictionary<string, string>(StringComparer.Ordinal);
        for (var i = 0; i + 1 < arguments.Length; i += 2) options[arguments[i]] = arguments[i + 1];
        return options;
    }
}
