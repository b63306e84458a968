using System.Diagnostics;

namespace EntityActors.Bench.Measurement;

/// <summary>This program once more, as a process of its own.</summary>
internal static class SelfProcess
{
    /// <summary>With standard output redirected.</summary>
    public static ProcessStartInfo StartInfo(params IEnumerable<string> arguments)
    {
        var info = new ProcessStartInfo(Environment.ProcessPath!) { UseShellExecute = false, RedirectStandardOutput = true };
        if (Path.GetFileNameWithoutExtension(Environment.ProcessPath) == "dotnet") info.ArgumentList.Add(typeof(SelfProcess).Assembly.Location);
        foreach (var argument in arguments) info.ArgumentList.Add(argument);
        return info;
    }
}
