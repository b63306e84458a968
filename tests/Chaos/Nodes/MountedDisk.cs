using EntityActors.Tests.Shared.Processes;

namespace EntityActors.Chaos.Nodes;

/// <summary>A small file system of its own under the data directory.</summary>
internal sealed class MountedDisk(int megabytes) : IDiskFiller, IDisposable
{
    private readonly SmallFileSystem _disk = new(megabytes);
    private string? _ballast;

    public string DataDirectory => Path.Combine(_disk.Path, "data");

    public void Fill(long freeBytes) => _ballast = _disk.AddBallast(freeBytes);

    public void Free()
    {
        if (_ballast is not null) File.Delete(_ballast);
        _ballast = null;
    }

    public void Dispose() => _disk.Dispose();
}
