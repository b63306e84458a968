using EntityActors.Bench.Measurement;

namespace EntityActors.Bench.Http;

/// <param name="ServerMicroseconds">CPU time of all processes of the server for one request.</param>
/// <param name="ClientMicroseconds">CPU time of the client for one request.</param>
internal readonly record struct HttpReading(Throughput Rate, double ServerMicroseconds, double ClientMicroseconds)
{
    /// <summary>Each figure's own median over several rounds.</summary>
    public static HttpReading Median(IReadOnlyList<HttpReading> rounds) => new(
        Throughput.Median([.. rounds.Select(round => round.Rate)]), Statistics.Median(rounds.Select(round => round.ServerMicroseconds)),
        Statistics.Median(rounds.Select(round => round.ClientMicroseconds)));
}
