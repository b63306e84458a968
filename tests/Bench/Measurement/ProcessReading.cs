using System.Globalization;

namespace EntityActors.Bench.Measurement;

/// <summary>Figures of a process from <c>/proc</c>.</summary>
internal static class ProcessReading
{
    /// <summary>USER_HZ: what the kernel counts CPU time in, on every Linux that .NET runs on.</summary>
    private const double TicksPerSecond = 100;

    private const int ParentField = 1, UserTimeField = 11, SystemTimeField = 12, EndedUserTimeField = 13, EndedSystemTimeField = 14;

    /// <summary>CPU seconds used so far, in user mode and in the kernel, of all threads.</summary>
    public static double CpuSeconds(int processId) => Seconds(StatFields(processId), UserTimeField, SystemTimeField);

    /// <summary>The same with the processes that it has started.</summary>
    public static double CpuSecondsWithChildren(int processId) =>
        Seconds(StatFields(processId), UserTimeField, SystemTimeField, EndedUserTimeField, EndedSystemTimeField)
        + Directory.EnumerateDirectories("/proc").Sum(directory => CpuSecondsOfChild(Path.GetFileName(directory), processId));

    private static double CpuSecondsOfChild(string process, int parentId)
    {
        if (!int.TryParse(process, CultureInfo.InvariantCulture, out var id)) return 0;
        try
        {
            var fields = StatFields(id);
            return int.Parse(fields[ParentField], CultureInfo.InvariantCulture) == parentId ? Seconds(fields, UserTimeField, SystemTimeField) : 0;
        }
        catch (IOException)
        {
            // It ended meanwhile.
            return 0;
        }
    }

    private static double Seconds(string[] fields, params ReadOnlySpan<int> indexes)
    {
        var ticks = 0L;
        foreach (var index in indexes) ticks += long.Parse(fields[index], CultureInfo.InvariantCulture);
        return ticks / TicksPerSecond;
    }

    /// <summary>From the state on: the name before it may hold blanks, the fields behind its parenthesis are plain.</summary>
    private static string[] StatFields(int processId)
    {
        var stat = File.ReadAllText($"/proc/{processId}/stat");
        return stat[(stat.LastIndexOf(')') + 2)..].Split(' ');
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
