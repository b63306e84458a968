namespace EntityActors.Tests.Shared;

/// <summary>A new directory that is deleted with everything in it on dispose.</summary>
public sealed class TempDirectory : IDisposable
{
    /// <param name="parent">Where to make it; the system's temporary directory when null.</param>
    public TempDirectory(string prefix = "entityactors-", string? parent = null) => Path = parent is null
        ? Directory.CreateTempSubdirectory(prefix).FullName
        : Directory.CreateDirectory(System.IO.Path.Combine(parent, prefix + System.IO.Path.GetRandomFileName())).FullName;

    public string Path { get; }

    public string File(string name) => System.IO.Path.Combine(Path, name);

    public void Dispose()
    {
        // A killed process may still be leaving the directory when its exit was already reported; a few more tries cover it.
        for (var attempt = 0; Directory.Exists(Path); attempt++)
        {
            try
            {
                Directory.Delete(Path, recursive: true);
            }
            catch (IOException) when (attempt < 3)
            {
                Thread.Sleep(50);
            }
        }
    }
}
