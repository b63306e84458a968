using EntityActors.Tests.Shared;
using SharpFuzz;

namespace EntityActors.Storage.Fuzz.Engine;

/// <summary>This program in a temporary directory, where the assemblies of the product, and Hyperion, count the branches they take.</summary>
internal sealed class InstrumentedCopy : IDisposable
{
    private static readonly string[] Products = ["EntityActors.Storage.dll", "EntityActors.Actors.dll", "ea.dll", "Hyperion.dll"];
    private static readonly string[] Copied = [".dll", ".runtimeconfig.json"];

    private readonly TempDirectory _directory = new("entityactors-fuzz-");

    public InstrumentedCopy()
    {
        foreach (var path in Directory.EnumerateFiles(AppContext.BaseDirectory))
        {
            // Without *.deps.json the host takes what lies beside the program, which is all that is needed.
            if (Copied.Any(path.EndsWith)) File.Copy(path, _directory.File(Path.GetFileName(path)));
        }

        foreach (var product in Products) _ = Fuzzer.Instrument(_directory.File(product), static _ => true, Options.Value).ToList();
    }

    public string Program => _directory.File(Path.GetFileName(typeof(InstrumentedCopy).Assembly.Location));

    /// <summary>A file of this run that ends with it.</summary>
    public string Scratch(string name) => _directory.File(name);

    public void Dispose() => _directory.Dispose();
}
