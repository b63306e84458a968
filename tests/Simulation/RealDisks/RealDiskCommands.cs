using System.Globalization;
using EntityActors.Simulation.Tests.Model;

namespace EntityActors.Simulation.Tests.RealDisks;

/// <summary>The commands that try real disks and system calls; see Program.cs. Each returns the program's exit code.</summary>
internal static class RealDiskCommands
{
    public static int Cut(string type, long seed, int count, TimeSpan time)
    {
        if (ShutdownCycles.Unavailable(type) is { } reason)
        {
            Console.Error.WriteLine(reason);
            return 2;
        }

        var cycles = new ShutdownCycles(type, seed);
        var violations = 0;
        try
        {
            cycles.Run(count, time);
        }
        catch (SimulationViolation violation)
        {
            Console.WriteLine(violation.Message);
            violations = 1;
        }

        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{type}: {cycles.Cycles} cuts, {cycles.DuringStart} during a start, {cycles.Acknowledged} acknowledged events looked for, {violations} violations"));
        return violations;
    }

    public static int FailCalls(long seed, int steps, int from, int to, TimeSpan time)
    {
        if (CallFaults.Unavailable() is { } reason)
        {
            Console.Error.WriteLine(reason);
            return 2;
        }

        var faults = new CallFaults(seed, steps);
        var violations = 0;
        try
        {
            faults.Run(CallFaults.At(Enumerable.Range(from, to - from + 1)), time);
        }
        catch (SimulationViolation violation)
        {
            Console.WriteLine(violation.Message);
            violations = 1;
        }

        Console.WriteLine($"{faults.Reached} failing calls met, {faults.FailedLogSyncs} of them syncs of the log, {violations} violations");
        return violations;
    }
}
