using System.CommandLine;
using System.Runtime.InteropServices;
using EntityActors.Actors.Tls;
using EntityActors.Storage.Model;

namespace EntityActors.Host.Cli;

/// <summary>Parses and runs a command line: bad words are one line on standard error and exit code 1.</summary>
internal static class CommandLine
{
    /// <summary>What a shell reports for a program that SIGINT ended.</summary>
    private const int Interrupted = 130;

    // Ids and tags may begin with '@', which would otherwise name a file of further arguments.
    private static readonly ParserConfiguration Parser = new() { ResponseFileTokenReplacer = null, EnablePosixBundling = false };

    public static async Task<int> RunAsync(RootCommand root, string[] args)
    {
        var parsed = root.Parse(args, Parser);
        if (parsed.Errors.Count > 0) return await FailAsync(ExitCode.Usage, parsed.Errors[0].Message);
        try
        {
            using var interruption = new CancellationTokenSource();
            var leavesInterrupts = parsed.GetValue(ServeCommand.UntilInputEnds);
            using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, signal =>
            {
                if (leavesInterrupts) signal.Cancel = true;
                else Interrupt(signal, interruption);
            });
            using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, signal => Interrupt(signal, interruption));
            return await parsed.InvokeAsync(
                new InvocationConfiguration { EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = null }, interruption.Token);
        }
        catch (OperationCanceledException)
        {
            return await FailAsync(Interrupted, "interrupted");
        }
        catch (UsageException problem)
        {
            return await FailAsync(ExitCode.Usage, problem.Message);
        }
        catch (ClusterSecurityException problem)
        {
            return await FailAsync(ExitCode.Usage, problem.Message);
        }
        catch (ApiFailure failure)
        {
            return await FailAsync(failure.ExitCode, failure.Message);
        }
        catch (PortInUseException problem)
        {
            return await FailAsync(ExitCode.Unavailable, problem.Message);
        }
        catch (IOException problem) when (problem.InnerException is Microsoft.AspNetCore.Connections.AddressInUseException)
        {
            return await FailAsync(ExitCode.Unavailable, problem.Message);
        }
        catch (StoreUnusableException problem)
        {
            return await FailAsync(problem.Reason switch
            {
                StoreUnusableReason.Damaged => ExitCode.Damage,
                StoreUnusableReason.Full => ExitCode.Unavailable,
                _ => ExitCode.Usage,
            }, problem.Message);
        }
        catch (Exception problem) when (problem is IOException or UnauthorizedAccessException or InvalidDataException)
        {
            // A file the command line names cannot be read or written.
            return await FailAsync(ExitCode.Usage, problem.Message);
        }
    }

    /// <summary>Asks the command to end, without a limit: a server drains and syncs first. A second signal ends the process as it is.</summary>
    private static void Interrupt(PosixSignalContext signal, CancellationTokenSource interruption)
    {
        if (interruption.IsCancellationRequested) return;
        signal.Cancel = true;
        interruption.Cancel();
    }

    private static async Task<int> FailAsync(int exitCode, string message)
    {
        await Console.Error.WriteLineAsync($"ea: {Readable.Safe(message.ReplaceLineEndings(" "))}");
        return exitCode;
    }
}

/// <summary>The command line asks for something that cannot be; the message says what.</summary>
internal sealed class UsageException(string message) : Exception(message);
