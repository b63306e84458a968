using Akka.Event;

namespace EntityActors.Actors.Hosting;

/// <summary>What the actor system says before its loggers run and after they stopped: warnings and errors, on standard error.</summary>
/// <remarks>The logger it replaces writes to standard output, which is for results, and what a stopping logger had not yet read at any level.</remarks>
public sealed class StandardErrorLogger : MinimalLogger
{
    protected override void Log(object message)
    {
        if (message is LogEvent { } entry && entry.LogLevel() >= LogLevel.WarningLevel) Console.Error.WriteLine(entry);
    }
}
