using System.Collections.Immutable;
using System.Globalization;
using System.Runtime.InteropServices;
using EntityActors.Chaos;
using EntityActors.Chaos.Faults;
using EntityActors.Chaos.Reports;

// run --runs N --seconds N --seed N --nodes N --clients N --faults kind,kind… --pause N --out DIR
// Exit code 0 when nothing was found, 1 otherwise, 2 for a bad command line. Run i has the seed of the first one plus i.
if (args.Length == 0 || args[0] != "run" || args.Length % 2 == 0) return Usage();
var given = new Dictionary<string, string>(StringComparer.Ordinal);
for (var i = 1; i < args.Length; i += 2) given[args[i]] = args[i + 1];
if (given.Keys.Except(["--runs", "--seconds", "--seed", "--nodes", "--clients", "--faults", "--pause", "--out"]).Any()) return Usage();
var runs = Number("--runs", 1);
var seed = Number("--seed", Random.Shared.NextInt64(1_000_000_000));
var output = given.GetValueOrDefault("--out", Path.Combine(Path.GetTempPath(), $"chaos-{seed}"));
using var interruption = new CancellationTokenSource();
using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Interrupt);
using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Interrupt);
var failed = 0;
var faults = new SortedDictionary<FaultKind, int>();
for (var run = 0; run < runs; run++)
{
    var options = new ChaosOptions
    {
        Seed = seed + run, Load = TimeSpan.FromSeconds(Number("--seconds", 60)), NodeCount = (int)Number("--nodes", 3),
        ClientCount = (int)Number("--clients", 16), PauseMax = TimeSpan.FromSeconds(Number("--pause", 20)), Faults = Faults(),
        ReportDirectory = Path.Combine(output, (seed + run).ToString(CultureInfo.InvariantCulture)),
    };
    ChaosResult result;
    try
    {
        result = await ChaosRunner.RunAsync(options, interruption.Token);
    }
    catch (OperationCanceledException) when (interruption.IsCancellationRequested)
    {
        Console.Error.WriteLine("interrupted");
        return 130;
    }
    catch (TimeoutException late)
    {
        // The nodes did not start, so nothing was tried.
        Console.WriteLine($"seed {options.Seed}: {late.Message}");
        failed++;
        continue;
    }

    Console.WriteLine(ChaosReport.Summary(result));
    if (result.Findings.Count > 0) failed++;
    foreach (var finding in result.Findings.Take(20)) Console.WriteLine("  " + finding.ReplaceLineEndings("\n  "));
    foreach (var fault in result.Faults) faults[fault.Kind] = faults.GetValueOrDefault(fault.Kind) + 1;
    if (run == 0)
    {
        foreach (var (kind, reason) in result.Skipped) Console.WriteLine($"  {kind}: not injected, {reason}");
    }

    Console.WriteLine("  " + ChaosReport.Write(options.ReportDirectory, result));
}

Console.WriteLine($"{runs} runs, {faults.Values.Sum()} faults ({string.Join(", ", faults.Select(static pair => $"{pair.Value} {pair.Key}"))}), {failed} runs with findings");
return failed == 0 ? 0 : 1;

long Number(string name, long otherwise) => given.TryGetValue(name, out var text) ? long.Parse(text, CultureInfo.InvariantCulture) : otherwise;

ImmutableArray<FaultKind> Faults() => given.TryGetValue("--faults", out var names)
    ? [.. names.Split(',', StringSplitOptions.RemoveEmptyEntries).Select(static name => Enum.Parse<FaultKind>(name, ignoreCase: true))]
    : [.. Enum.GetValues<FaultKind>()];

// The nodes end first.
void Interrupt(PosixSignalContext signal)
{
    signal.Cancel = true;
    interruption.Cancel();
}

static int Usage()
{
    Console.Error.WriteLine("run [--runs N] [--seconds N] [--seed N] [--nodes N] [--clients N] [--faults KIND,KIND…] [--pause SECONDS] [--out DIRECTORY]; "
        + $"kinds: {string.Join(", ", Enum.GetNames<FaultKind>())}");
    return 2;
}
