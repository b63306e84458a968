using System.Globalization;

namespace EntityActors.Storage.Fuzz.Engine;

/// <summary>What the command line asks for.</summary>
internal sealed record FuzzOptions(string Decoders, long Executions, int SecondsPerDecoder, ulong Seed, int Threads, string Findings)
{
    /// <exception cref="FormatException">A number is none.</exception>
    public static FuzzOptions Parse(IReadOnlyDictionary<string, string> given) => new(
        given.GetValueOrDefault("--decoder", "all"),
        Number(given, "--executions", 20_000_000),
        (int)Number(given, "--seconds", 24 * 3600),
        (ulong)Number(given, "--seed", 1),
        (int)Number(given, "--threads", Environment.ProcessorCount),
        given.GetValueOrDefault("--findings", Path.Combine(Path.GetTempPath(), "entityactors-fuzz-findings")));

    private static long Number(IReadOnlyDictionary<string, string> given, string name, long otherwise) =>
        given.TryGetValue(name, out var text) ? long.Parse(text, NumberStyles.None, CultureInfo.InvariantCulture) : otherwise;
}
