using System.Buffers;
using System.Buffers.Binary;
using System.IO.Hashing;
using EntityActors.Storage.Io;
using EntityActors.Storage.Model;

namespace EntityActors.Storage.Blobs;

/// <summary>Writes one blob file from its beginning to its end. For one caller at a time; holds four blocks in memory.</summary>
internal sealed class BlobWriter : IDisposable
{
    /// <summary>Blocks gathered before they are written.</summary>
    public const int GatheredBlocks = 4;

    /// <summary>Bytes after which what is written is synced: the last sync is short then, and the commit log does not wait behind a gigabyte.</summary>
    private const long SyncBytes = 16L * 1024 * 1024;

    private readonly IStoreFile _file;
    private readonly UInt128 _id;
    private readonly byte[] _buffer = ArrayPool<byte>.Shared.Rent(GatheredBlocks * BlobFormat.StoredBlockBytes);
    private readonly XxHash128 _hash = new();
    private int _full;
    private int _filled;
    private long _blocks;
    private long _unsynced;
    private bool _disposed;

    /// <exception cref="StoreIoException">The file cannot be made.</exception>
    public BlobWriter(IFileSystem files, string path, UInt128 id, EntityKey key)
    {
        _id = id;
        _file = files.Create(path);
        _file.Write(0, BlobFormat.Header(id, key));
    }

    /// <summary>Bytes taken so far.</summary>
    public long Length { get; private set; }

    /// <summary>Whether <see cref="Flush"/> has to make room.</summary>
    public bool IsFull => _full == GatheredBlocks;

    /// <summary>Where the next bytes go; empty when it is full.</summary>
    public Memory<byte> Free => IsFull ? default
        : _buffer.AsMemory((_full * BlobFormat.StoredBlockBytes) + _filled, BlobFormat.BlockBytes - _filled);

    /// <summary>So many bytes were put into <see cref="Free"/>.</summary>
    public void Advance(int count)
    {
        Invariant.Check(count >= 0 && count <= Free.Length, "no more is taken than there was room for");
        Length += count;
        _filled += count;
        if (_filled < BlobFormat.BlockBytes) return;
        (_full, _filled) = (_full + 1, 0);
    }

    /// <summary>Writes the full blocks. Blocks on disk.</summary>
    public void Flush()
    {
        if (_full == 0) return;
        for (var i = 0; i < _full; i++) Seal(i, BlobFormat.BlockBytes);
        Write(_full * BlobFormat.StoredBlockBytes);
        // What there is of the next block moves to the front.
        if (_filled > 0) _buffer.AsSpan(_full * BlobFormat.StoredBlockBytes, _filled).CopyTo(_buffer);
        (_blocks, _full) = (_blocks + _full, 0);
        if (_unsynced < SyncBytes) return;
        _file.SyncData();
        _unsynced = 0;
    }

    /// <summary>Writes what is left and the footer and syncs the file. Its name is not durable yet. Blocks on disk.</summary>
    /// <returns>Hash of the content.</returns>
    public UInt128 Finish()
    {
        Flush();
        if (_filled > 0)
        {
            Seal(0, _filled);
            Write(_filled + sizeof(uint));
        }

        var hash = _hash.GetCurrentHashAsUInt128();
        _file.Write(BlobFormat.FileBytes(Length) - BlobFormat.FooterBytes, BlobFormat.Footer(_id, Length, hash));
        _file.SyncData();
        return hash;
    }

    public void Dispose()
    {
        if (_disposed) return;
        _disposed = true;
        _file.Dispose();
        ArrayPool<byte>.Shared.Return(_buffer);
    }

    private void Seal(int slot, int length)
    {
        var block = _buffer.AsSpan(slot * BlobFormat.StoredBlockBytes, length + sizeof(uint));
        _hash.Append(block[..length]);
        BinaryPrimitives.WriteUInt32LittleEndian(block[length..], BlobFormat.Checksum(_id, _blocks + slot, block[..length]));
    }

    private void Write(int bytes)
    {
        _file.Write(BlobFormat.BlockOffset(_blocks), _buffer.AsSpan(0, bytes));
        _unsynced += bytes;
    }
}
