using System.Globalization;

namespace EntityActors.Bench.Measurement;

/// <summary>Figures of a process from <c>/proc</c>.</summary>
internal static class ProcessReading
{
    /// <summary>USER_HZ: what the kernel counts CPU time in, on every Linux that .NET runs on.</summary>
    private const double TicksPerSecond = 100;

    /// <summary>CPU seconds used so far, in user mode and in the kernel, of all threads.</summary>
    public static double CpuSeconds(int processId)
    {
        // The name in the second field may hold blanks; the fields after its parenthesis are plain.
        var stat = File.ReadAllText($"/proc/{processId}/stat");
        var fields = stat[(stat.LastIndexOf(')') + 2)..].Split(' ');
        const int userTime = 11, systemTime = 12;
        return (long.Parse(fields[userTime], CultureInfo.InvariantCulture) + long.Parse(fields[systemTime], CultureInfo.InvariantCulture)) / TicksPerSecond;
    }

    /// <summary>Resident memory in bytes.</summary>
    public static long ResidentBytes(int processId)
    {
        var line = File.ReadLines($"/proc/{processId}/status").First(text => text.StartsWith("VmRSS:", StringComparison.Ordinal));
        return long.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture) * 1024;
    }

    public static long DirectoryBytes(string directory) =>
        Directory.EnumerateFiles(directory, "*", SearchOption.AllDirectories).Sum(path => new FileInfo(path).Length);
}
