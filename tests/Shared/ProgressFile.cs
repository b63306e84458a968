namespace EntityActors.Tests.Shared;

/// <summary>Lines of a long test while it runs; a test runner shows a test's own output only at its end.</summary>
public static class ProgressFile
{
    /// <summary>Environment variable: the file to append to. Not set: the lines go nowhere.</summary>
    public const string Variable = "EA_PROGRESS";

    public static void Append(string line)
    {
        if (Environment.GetEnvironmentVariable(Variable) is { Length: > 0 } path) File.AppendAllText(path, line + Environment.NewLine);
    }
}
