using System.Diagnostics;

namespace EntityActors.Tests.Shared.Processes;

/// <summary>Runs the <c>ea</c> program that the build put next to the test assembly.</summary>
public static class EaCommand
{
    public static string ProgramPath => Path.Combine(AppContext.BaseDirectory, "ea.dll");

    /// <summary>The host this test runs under, so that the server uses the same runtime.</summary>
    public static string DotnetPath =>
        Environment.ProcessPath is { } path && Path.GetFileNameWithoutExtension(path) == "dotnet" ? path : "dotnet";

    public static ProcessStartInfo StartInfo(IEnumerable<string> arguments)
    {
        if (!File.Exists(ProgramPath)) throw new FileNotFoundException("ea.dll is not next to the test assembly", ProgramPath);
        var info = new ProcessStartInfo(DotnetPath)
        {
            UseShellExecute = false, RedirectStandardOutput = true, RedirectStandardError = true, RedirectStandardInput = true,
            WorkingDirectory = Path.GetTempPath(),
        };
        info.ArgumentList.Add(ProgramPath);
        foreach (var argument in arguments) info.ArgumentList.Add(argument);

        // What the developer has set for a server of his own must not reach ours.
        foreach (var name in info.Environment.Keys.Where(key => key.StartsWith("ENTITYACTORS_", StringComparison.Ordinal)).ToList())
            info.Environment.Remove(name);
        // Most tests are about the store; those of authentication say --auth on.
        info.Environment["ENTITYACTORS_AUTH"] = "off";
        // A process that is killed leaves its diagnostic sockets behind.
        info.Environment["DOTNET_EnableDiagnostics"] = "0";
        return info;
    }

    /// <summary>Runs to the end. A command that outlives <paramref name="timeout"/> is killed and fails the test.</summary>
    /// <exception cref="TimeoutException">It did not end in time; the message holds what it wrote.</exception>
    public static Task<CommandOutcome> RunAsync(TimeSpan timeout, params string[] arguments) => RunAsync(timeout, StartInfo(arguments), ReadOnlyMemory<byte>.Empty);

    /// <summary>Like the other, with what stands in <paramref name="info"/> and these bytes on standard input.</summary>
    public static async Task<CommandOutcome> RunAsync(TimeSpan timeout, ProcessStartInfo info, ReadOnlyMemory<byte> input)
    {
        using var process = Process.Start(info) ?? throw new InvalidOperationException("ea did not start");
        var output = process.StandardOutput.ReadToEndAsync();
        var error = process.StandardError.ReadToEndAsync();
        using var limit = new CancellationTokenSource(timeout);
        try
        {
            await process.StandardInput.BaseStream.WriteAsync(input, limit.Token);
            process.StandardInput.Close();
            await process.WaitForExitAsync(limit.Token);
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            throw new TimeoutException(
                $"ea {string.Join(' ', info.ArgumentList.Skip(1))} did not end within {timeout}\n--- stdout\n{await output}\n--- stderr\n{await error}");
        }

        return new CommandOutcome(process.ExitCode, await output, await error);
    }
}
