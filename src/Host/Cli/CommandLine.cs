using System.CommandLine;
using EntityActors.Storage.Model;

namespace EntityActors.Host.Cli;

/// <summary>Parses and runs a command line: bad words are one line on standard error and exit code 1.</summary>
internal static class CommandLine
{
    public static async Task<int> RunAsync(RootCommand root, string[] args)
    {
        var parsed = root.Parse(args);
        if (parsed.Errors.Count > 0)
        {
            await Console.Error.WriteLineAsync($"ea: {parsed.Errors[0].Message}".ReplaceLineEndings(" "));
            return ExitCode.Usage;
        }

        try
        {
            return await parsed.InvokeAsync(new InvocationConfiguration { EnableDefaultExceptionHandler = false });
        }
        catch (UsageException problem)
        {
            await Console.Error.WriteLineAsync($"ea: {problem.Message}");
            return ExitCode.Usage;
        }
        catch (IOException problem) when (problem.InnerException is Microsoft.AspNetCore.Connections.AddressInUseException)
        {
            await Console.Error.WriteLineAsync($"ea: {problem.Message}".ReplaceLineEndings(" "));
            return ExitCode.Unavailable;
        }
        catch (StoreUnusableException problem)
        {
            await Console.Error.WriteLineAsync($"ea: {problem.Message}".ReplaceLineEndings(" "));
            return problem.Reason switch
            {
                StoreUnusableReason.Damaged => ExitCode.Damage,
                StoreUnusableReason.Full => ExitCode.Unavailable,
                _ => ExitCode.Usage,
            };
        }
    }
}

/// <summary>The command line asks for something that cannot be; the message says what.</summary>
internal sealed class UsageException(string message) : Exception(message);
