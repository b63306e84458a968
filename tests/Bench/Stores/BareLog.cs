using EntityActors.Storage.Io;

namespace EntityActors.Bench.Stores;

/// <summary>
/// The limit of this disk: group commit into one preallocated file, a write and an fdatasync per group, groups padded to 4 KiB.
/// No index, no reads; it wraps around instead of growing.
/// </summary>
internal sealed class BareLog : IBenchStore
{
    private const int FileBytes = 64 * 1024 * 1024;
    private const int SectorBytes = 4096;
    private readonly IStoreFile _file;
    private readonly GroupCommit _writer;
    private byte[] _buffer = new byte[1024 * 1024];
    private long _position;

    public BareLog(string directory, int groupMax)
    {
        _file = OpenPreallocated(Path.Combine(directory, "bare.log"));
        _writer = new GroupCommit(Name, groupMax, Commit);
    }

    public string Name => "bare log";

    public Task WriteAsync(BenchEntity entity) => _writer.WriteAsync(entity);

    public Task<int> ReadAsync(string id) => throw new NotSupportedException("a bare log is only written");

    public Task<int> QueryAsync(string tag, int limit) => throw new NotSupportedException("a bare log is only written");

    public ValueTask DisposeAsync()
    {
        _writer.Dispose();
        _file.Dispose();
        return ValueTask.CompletedTask;
    }

    private void Commit(IReadOnlyList<BenchEntity> group)
    {
        var length = 0;
        foreach (var entity in group)
        {
            var value = EntityEncoding.Encode(entity);
            var end = length + entity.Id.Length + value.Length;
            if (end + SectorBytes > _buffer.Length) Array.Resize(ref _buffer, _buffer.Length * 2);
            System.Text.Encoding.ASCII.GetBytes(entity.Id, _buffer.AsSpan(length));
            value.CopyTo(_buffer, length + entity.Id.Length);
            length = end;
        }

        var padded = (length + SectorBytes - 1) / SectorBytes * SectorBytes;
        _buffer.AsSpan(length, padded - length).Clear();
        if (_position + padded > FileBytes) _position = 0;
        _file.Write(_position, _buffer.AsSpan(0, padded));
        _file.SyncData();
        _position += padded;
    }

    private static IStoreFile OpenPreallocated(string path)
    {
        var file = new PosixFileSystem().Create(path);
        var zeros = new byte[1024 * 1024];
        for (long at = 0; at < FileBytes; at += zeros.Length) file.Write(at, zeros);
        file.SyncData();
        return file;
    }
}
