using System.Buffers;
using System.Buffers.Binary;
using EntityActors.Storage.Io;
using EntityActors.Storage.Model;

namespace EntityActors.Storage.Blobs;

/// <summary>Reads a blob file; nothing leaves it unchecked.</summary>
internal sealed class BlobReader : IBlobReader
{
    private readonly IStoreFile _file;
    private readonly BlobReference _blob;
    private byte[]? _stored;
    private byte[]? _content;

    private BlobReader(IStoreFile file, BlobReference blob)
    {
        (_file, _blob) = (file, blob);
    }

    public long Length => _blob.Length;

    public int ReadBytesMax => BlobWriter.GatheredBlocks * BlobFormat.BlockBytes;

    /// <exception cref="CorruptDataException">Missing, damaged at one of its ends, or another blob.</exception>
    public static BlobReader Open(IFileSystem files, string path, EntityKey key, BlobReference blob)
    {
        var file = OpenExisting(files, path);
        try
        {
            Check(file, key, blob);
            return new BlobReader(file, blob);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>The entity that the blob was written for.</summary>
    /// <exception cref="CorruptDataException">Missing, or its header is damaged.</exception>
    public static EntityKey KeyOf(IFileSystem files, string path, BlobId id)
    {
        using var file = OpenExisting(files, path);
        return KeyOf(file, id);
    }

    /// <summary>Whose blob this is, and what its footer says of it.</summary>
    /// <exception cref="CorruptDataException">Missing, or damaged at one of its ends.</exception>
    public static (EntityKey Key, BlobReference Blob) Describe(IFileSystem files, string path, BlobId id)
    {
        using var file = OpenExisting(files, path);
        var key = KeyOf(file, id);
        var bytes = new byte[BlobFormat.FooterBytes];
        var length = file.Length - BlobFormat.FooterBytes;
        if (length < BlobFormat.HeaderBytes || file.Read(length, bytes) != bytes.Length) throw Damage(file, 0, "a whole blob", $"{file.Length} bytes");
        var blob = new BlobReference(id, BinaryPrimitives.ReadInt64LittleEndian(bytes.AsSpan(8)), BinaryPrimitives.ReadUInt128LittleEndian(bytes.AsSpan(16)));
        if (blob.Length is < 0 or > BlobReference.LengthMax) throw Damage(file, length, "the footer of a blob", "another length");
        Check(file, key, blob);
        return (key, blob);
    }

    public ReadOnlyMemory<byte> Read(long offset, long count)
    {
        Invariant.Check(offset >= 0 && offset < Length && count > 0, "a read lies within the blob");
        var first = offset / BlobFormat.BlockBytes;
        var last = (Math.Min(offset + count, Length) - 1) / BlobFormat.BlockBytes;
        var blocks = (int)Math.Min(last - first + 1, BlobWriter.GatheredBlocks);
        _stored ??= ArrayPool<byte>.Shared.Rent(BlobWriter.GatheredBlocks * BlobFormat.StoredBlockBytes);
        _content ??= ArrayPool<byte>.Shared.Rent(ReadBytesMax);
        var length = (int)Math.Min((long)blocks * BlobFormat.BlockBytes, Length - (first * BlobFormat.BlockBytes));
        var stored = _stored.AsSpan(0, length + (blocks * sizeof(uint)));
        var found = _file.Read(BlobFormat.BlockOffset(first), stored);
        if (found != stored.Length) throw Damage(_file, BlobFormat.BlockOffset(first), $"{stored.Length} bytes", $"{found}");
        for (var i = 0; i < blocks; i++) Take(stored[(i * BlobFormat.StoredBlockBytes)..], first + i, i);
        var skipped = (int)(offset - (first * BlobFormat.BlockBytes));
        return _content.AsMemory(skipped, length - skipped);
    }

    public void Dispose()
    {
        _file.Dispose();
        if (_stored is not null) ArrayPool<byte>.Shared.Return(_stored);
        if (_content is not null) ArrayPool<byte>.Shared.Return(_content);
        (_stored, _content) = (null, null);
    }

    private void Take(ReadOnlySpan<byte> stored, long index, int slot)
    {
        var content = stored[..BlobFormat.BlockLength(Length, index)];
        var (expected, actual) = (BinaryPrimitives.ReadUInt32LittleEndian(stored[content.Length..]), BlobFormat.Checksum(_blob.Id.Value, index, content));
        if (expected != actual) throw Damage(_file, BlobFormat.BlockOffset(index), $"a block with checksum {expected:x8}", $"{actual:x8}");
        content.CopyTo(_content.AsSpan(slot * BlobFormat.BlockBytes));
    }

    private static IStoreFile OpenExisting(IFileSystem files, string path)
    {
        try
        {
            return files.OpenRead(path);
        }
        catch (StoreIoException failure) when (failure.IsMissing)
        {
            throw new CorruptDataException(path, 0, "the blob that a change names", "no file");
        }
    }

    private static EntityKey KeyOf(IStoreFile file, BlobId id)
    {
        var bytes = new byte[BlobFormat.HeaderBytes];
        var count = file.Read(0, bytes);
        if (count != bytes.Length || !BlobFormat.TryReadHeader(bytes, out var found, out var key)) throw Damage(file, 0, "the header of a blob", "other bytes");
        return found == id.Value ? key : throw Damage(file, 0, $"blob {id}", $"another one, {found:x32}");
    }

    private static void Check(IStoreFile file, EntityKey key, BlobReference blob)
    {
        var owner = KeyOf(file, blob.Id);
        if (owner != key) throw Damage(file, 0, $"a blob of {key}", $"one of {owner}");
        var length = file.Length;
        if (length != BlobFormat.FileBytes(blob.Length)) throw Damage(file, length, $"{BlobFormat.FileBytes(blob.Length)} bytes", $"{length}");
        var (expected, found) = (BlobFormat.Footer(blob.Id.Value, blob.Length, blob.Hash), new byte[BlobFormat.FooterBytes]);
        if (file.Read(length - found.Length, found) != found.Length || !expected.AsSpan().SequenceEqual(found))
            throw Damage(file, length - found.Length, "the footer of the blob", "other bytes");
    }

    private static CorruptDataException Damage(IStoreFile file, long offset, string expected, string found) => new(file.Path, offset, expected, found);
}
