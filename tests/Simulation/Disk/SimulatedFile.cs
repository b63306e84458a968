using EntityActors.Storage.Io;

namespace EntityActors.Simulation.Tests.Disk;

/// <summary>An open file of a <see cref="SimulatedFileSystem"/>; goes on working when its name is gone.</summary>
internal sealed class SimulatedFile(SimulatedFileSystem files, string path, long number) : IStoreFile
{
    private bool _disposed;

    public string Path { get; } = path;

    public long Length
    {
        get
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            return files.Node(number).Visible.Length;
        }
    }

    public int Read(long offset, Span<byte> buffer)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        // A short read is continued with another call, which may fail for itself.
        var first = files.PartOf(buffer.Length);
        files.Enter(DiskCallKind.Read, Path);
        var count = files.Node(number).Visible.Read(offset, buffer[..first]);
        if (first == buffer.Length || count < first) return count;
        files.Enter(DiskCallKind.Read, Path);
        return count + files.Node(number).Visible.Read(offset + first, buffer[first..]);
    }

    public void Write(long offset, ReadOnlySpan<byte> bytes)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        // A short write is continued with another call; between the two the process may end.
        var first = files.PartOf(bytes.Length);
        WritePart(offset, bytes[..first]);
        if (first < bytes.Length) WritePart(offset + first, bytes[first..]);
    }

    public void SetLength(long length)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        files.Enter(DiskCallKind.SetLength, Path);
        files.SetNode(number, files.Node(number).Resize(length));
    }

    public void SyncData()
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        if (files.Begin(DiskCallKind.Sync, Path) is not { } failure)
        {
            files.SetNode(number, files.Node(number).Sync());
            return;
        }

        if (files.Fault!.LosesUnsynced) files.SetNode(number, files.Node(number).LoseUnsynced());
        throw failure;
    }

    public void Dispose() => _disposed = true;

    private void WritePart(long offset, ReadOnlySpan<byte> bytes)
    {
        var failure = files.Begin(DiskCallKind.Write, Path);
        files.HashBytes(offset, bytes);
        // A write that fails may have stored a part.
        var stored = failure is null ? bytes : bytes[..files.FaultRandom.Next(bytes.Length + 1)];
        if (stored.Length > 0) files.SetNode(number, files.Node(number).Write(offset, stored));
        if (failure is not null) throw failure;
    }
}
