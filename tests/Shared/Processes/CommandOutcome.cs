namespace EntityActors.Tests.Shared.Processes;

/// <summary>How a command ended and what it said.</summary>
public sealed record CommandOutcome(int ExitCode, string Output, string Error)
{
    /// <summary>Non-empty lines on standard error.</summary>
    public IReadOnlyList<string> ErrorLines => Error.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);

    public override string ToString() => $"exit {ExitCode}\n--- stdout\n{Output}\n--- stderr\n{Error}";
}
