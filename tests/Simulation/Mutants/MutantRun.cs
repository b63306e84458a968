using System.Diagnostics;
using System.Globalization;

namespace EntityActors.Simulation.Tests.Mutants;

/// <summary>Builds a copy of the source with each mutant in turn and tells whether the suite that is meant for it fails.</summary>
internal sealed class MutantRun(string repository, string scratch, TimeSpan timePerMutant, long seed)
{
    private static readonly string[] Copied =
    [
        "Directory.Build.props", "Directory.Packages.props", "BannedSymbols.txt", ".editorconfig", "global.json",
        "hocon", "src", "tests/Directory.Build.props", "tests/Data", "tests/Shared", "tests/Simulation", "tests/Storage.Tests", "tests/Host.Tests",
    ];

    private static readonly string[] BuildOptions =
    [
        "-c", "Release", "--no-restore", "-nodeReuse:false", "-v", "q",
        "-p:TreatWarningsAsErrors=false", "-p:RunAnalyzers=false", "-p:GenerateDocumentationFile=false",
    ];

    /// <summary>The repository that this program was built from.</summary>
    public static string FindRepository()
    {
        for (var directory = new DirectoryInfo(AppContext.BaseDirectory); directory is not null; directory = directory.Parent)
        {
            if (File.Exists(Path.Combine(directory.FullName, "EntityActors.sln"))) return directory.FullName;
        }

        throw new DirectoryNotFoundException($"no EntityActors.sln above {AppContext.BaseDirectory}");
    }

    /// <returns>How many were not caught.</returns>
    public int Run(IReadOnlyList<Mutant> mutants, Action<string> report)
    {
        foreach (var entry in Copied) Copy(Path.Combine(repository, entry), Path.Combine(scratch, entry));
        foreach (var project in mutants.Select(ProjectOf).Distinct())
        {
            Require(Dotnet(["restore", project], TimeSpan.FromMinutes(10)), "restoring the copy");
            Require(Build(project), "building the copy");
        }

        var missed = 0;
        report("| without | caught by | in |");
        report("| --- | --- | --- |");
        foreach (var mutant in mutants)
        {
            var (isCaught, seconds) = Try(mutant);
            if (!isCaught) missed++;
            var found = isCaught ? SuiteName(mutant) : $"NOT caught by {SuiteName(mutant)}";
            report(string.Create(CultureInfo.InvariantCulture, $"| {mutant.Name} | {found} | {seconds:F0} s |"));
        }

        return missed;
    }

    private static string SuiteName(Mutant mutant) => mutant.Suite switch
    {
        MutantSuite.Crashes => "the search of crashes",
        MutantSuite.Faults => "the search of failing calls",
        MutantSuite.Owners => $"the owners `{mutant.Filter!.Replace("|", "` `", StringComparison.Ordinal)}`",
        _ => $"`{mutant.Filter!.Replace("|", "`, `", StringComparison.Ordinal)}`",
    };

    private static string ProjectOf(Mutant mutant) => mutant.Suite switch
    {
        MutantSuite.StorageTests => "tests/Storage.Tests",
        MutantSuite.HostTests => "tests/Host.Tests",
        _ => "tests/Simulation",
    };

    private (bool IsCaught, double Seconds) Try(Mutant mutant)
    {
        var path = Path.Combine(scratch, mutant.Root, mutant.File);
        var source = File.ReadAllText(path);
        File.WriteAllText(path, mutant.Apply(source));
        try
        {
            Require(Build(ProjectOf(mutant)), $"building without {mutant.Name}");
            var clock = Stopwatch.StartNew();
            return (RunSuite(mutant), clock.Elapsed.TotalSeconds);
        }
        finally
        {
            File.WriteAllText(path, source);
        }
    }

    /// <summary>Whether the suite fails. A search that breaks down for another reason than a finding is an error of this run.</summary>
    private bool RunSuite(Mutant mutant)
    {
        var search = (string command) => Dotnet(["tests/Simulation/bin/Release/net10.0/EntityActors.Simulation.Tests.dll", command,
            "--findings", "1", "--each", "1500", "--seed", Text(seed), "--seconds", Text((long)timePerMutant.TotalSeconds)],
            timePerMutant + TimeSpan.FromSeconds(60));
        var (code, output) = mutant.Suite switch
        {
            MutantSuite.Crashes => search("crashes"),
            MutantSuite.Faults => search("faults"),
            MutantSuite.Owners => Dotnet(["tests/Simulation/bin/Release/net10.0/EntityActors.Simulation.Tests.dll", "owners", "--scenario", mutant.Filter!,
                "--preemptions", "2", "--random", "100", "--findings", "1", "--seed", Text(seed), "--seconds", Text((long)timePerMutant.TotalSeconds)],
                timePerMutant + TimeSpan.FromSeconds(60)),
            _ => Dotnet(["test", "--no-build", "-c", "Release", ProjectOf(mutant), "--filter",
                string.Join('|', mutant.Filter!.Split('|').Select(name => $"FullyQualifiedName~{name}"))], timePerMutant + TimeSpan.FromSeconds(60)),
        };
        return code switch
        {
            0 => false,
            1 => true,
            // A test that waits for what no longer comes.
            null when mutant.Suite is MutantSuite.StorageTests or MutantSuite.SimulationTests or MutantSuite.HostTests => true,
            _ => throw new InvalidOperationException($"the suite for {mutant.Name} ended with {code}: {output}"),
        };
    }

    private (int? Code, string Output) Build(string project) => Dotnet(["build", project, .. BuildOptions], TimeSpan.FromMinutes(10));

    private static void Require((int? Code, string Output) result, string what)
    {
        if (result.Code != 0) throw new InvalidOperationException($"{what} failed: {result.Output}");
    }

    /// <returns>No code when it was ended because it took too long.</returns>
    private (int? Code, string Output) Dotnet(IEnumerable<string> arguments, TimeSpan time)
    {
        var start = new ProcessStartInfo("dotnet", arguments) { WorkingDirectory = scratch, RedirectStandardOutput = true, RedirectStandardError = true };
        start.Environment["MSBUILDDISABLENODEREUSE"] = "1";
        using var process = Process.Start(start)!;
        var output = new System.Text.StringBuilder();
        process.OutputDataReceived += (_, line) => Add(line.Data);
        process.ErrorDataReceived += (_, line) => Add(line.Data);
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        if (!process.WaitForExit(time))
        {
            process.Kill(entireProcessTree: true);
            process.WaitForExit();
            return (null, output.ToString());
        }

        process.WaitForExit();
        return (process.ExitCode, output.ToString());

        void Add(string? line)
        {
            lock (output) output.AppendLine(line);
        }
    }

    private static void Copy(string from, string to)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(to)!);
        if (File.Exists(from))
        {
            File.Copy(from, to);
            return;
        }

        foreach (var entry in Directory.EnumerateFileSystemEntries(from))
        {
            var name = Path.GetFileName(entry);
            if (name is not ("bin" or "obj")) Copy(entry, Path.Combine(to, name));
        }
    }

    private static string Text(long number) => number.ToString(CultureInfo.InvariantCulture);
}
