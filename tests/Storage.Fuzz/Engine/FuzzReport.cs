using System.Globalization;

namespace EntityActors.Storage.Fuzz.Engine;

/// <summary>What fuzzing one decoder came to; one line between worker and campaign.</summary>
internal sealed record FuzzReport(string Decoder, long Executions, double Seconds, int CorpusCount, int EdgeCount, int FindingCount, long AllocatedBytesMax)
{
    private const string Mark = "#report";

    public string ToLine() => string.Create(CultureInfo.InvariantCulture,
        $"{Mark}\t{Decoder}\t{Executions}\t{Seconds:F3}\t{CorpusCount}\t{EdgeCount}\t{FindingCount}\t{AllocatedBytesMax}");

    public static FuzzReport? Parse(string line)
    {
        var parts = line.Split('\t');
        return parts[0] != Mark ? null : new FuzzReport(parts[1], Number(parts[2]), double.Parse(parts[3], CultureInfo.InvariantCulture),
            (int)Number(parts[4]), (int)Number(parts[5]), (int)Number(parts[6]), Number(parts[7]));
    }

    public override string ToString() => string.Create(CultureInfo.InvariantCulture,
        $"{Decoder,-24} {Executions,12:N0} executions {Executions / Math.Max(Seconds, 0.001),10:N0}/s  corpus {CorpusCount,5}  edges {EdgeCount,5}  " +
        $"most allocated {AllocatedBytesMax / 1024.0 / 1024,6:F2} MiB  findings {FindingCount}");

    private static long Number(string text) => long.Parse(text, CultureInfo.InvariantCulture);
}
