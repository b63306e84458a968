using System.Net;
using System.Text.Json;

namespace EntityActors.Host.Cli;

/// <summary>A running store refused a request or could not be reached; the message says what it said, in one line.</summary>
internal sealed class ApiFailure(int exitCode, string message) : Exception(message)
{
    public int ExitCode { get; } = exitCode;

    public static ApiFailure Unreachable(Uri server, Exception cause) =>
        new(Cli.ExitCode.Unavailable, $"no store answers at {server}: {cause.GetBaseException().Message}");

    /// <summary>The problem a body tells, or at least the status.</summary>
    public static ApiFailure Of(HttpStatusCode status, ReadOnlyMemory<byte> body)
    {
        var (code, detail) = Problem(body);
        var hint = code == "unauthenticated" ? "; --user says who asks, and ENTITYACTORS_DATA where the administrator's password is" : "";
        return new ApiFailure(ExitCodeOf((int)status, code), detail is null ? $"the store answered {(int)status} {status}" : $"{detail} ({code}){hint}");
    }

    private static int ExitCodeOf(int status, string? code) => status switch
    {
        404 or 410 => Cli.ExitCode.NotFound,
        409 or 412 or 422 => Cli.ExitCode.Conflict,
        401 or 403 => Cli.ExitCode.Denied,
        500 when code == "corrupted" => Cli.ExitCode.Damage,
        429 or >= 500 => Cli.ExitCode.Unavailable,
        _ => Cli.ExitCode.Usage,
    };

    private static (string? Code, string? Detail) Problem(ReadOnlyMemory<byte> body)
    {
        try
        {
            using var json = JsonDocument.Parse(body);
            return (json.RootElement.GetProperty("code").GetString(), json.RootElement.GetProperty("detail").GetString());
        }
        catch (Exception cause) when (cause is JsonException or KeyNotFoundException or InvalidOperationException)
        {
            // Not this store: some other server listens there.
            return default;
        }
    }
}
