using System.IO.Hashing;
using EntityActors.Storage.Io;
using EntityActors.Storage.Model;

namespace EntityActors.Storage.Blobs;

/// <summary>Reads one blob file from end to end, past the system's cache.</summary>
internal static class BlobCheck
{
    /// <param name="found">Told of each damaged place.</param>
    /// <returns>Bytes read at each step. Nothing when the file is gone, which is nobody's damage by itself.</returns>
    public static IEnumerable<long> Run(IFileSystem files, string path, BlobId id, Action<CorruptDataException> found)
    {
        if (!TryOpen(files, path, id, found, out var reader, out var hash)) yield break;
        using (reader)
        {
            yield return BlobFormat.HeaderBytes + BlobFormat.FooterBytes;
            var (content, isWhole) = (new XxHash128(), true);
            for (var offset = 0L; offset < reader.Length; offset += BlobFormat.BlockBytes)
            {
                isWhole &= TryRead(reader, offset, content, found);
                yield return BlobFormat.StoredBlockBytes;
            }

            var actual = content.GetCurrentHashAsUInt128();
            if (isWhole && actual != hash) found(new CorruptDataException(path, 0, $"content with hash {hash:x32}", $"{actual:x32}"));
        }
    }

    private static bool TryOpen(IFileSystem files, string path, BlobId id, Action<CorruptDataException> found, out BlobReader reader, out UInt128 hash)
    {
        (reader, hash) = (null!, 0);
        try
        {
            using (var file = files.OpenRead(path)) file.DropCached(0, file.Length);
            var (key, blob) = BlobReader.Describe(files, path, id);
            (reader, hash) = (BlobReader.Open(files, path, key, blob), blob.Hash);
            return true;
        }
        catch (CorruptDataException damage)
        {
            if (files.FileExists(path)) found(damage);
            return false;
        }
        catch (StoreIoException failure) when (failure.IsMissing)
        {
            return false;
        }
    }

    private static bool TryRead(BlobReader reader, long offset, XxHash128 content, Action<CorruptDataException> found)
    {
        try
        {
            content.Append(reader.Read(offset, 1).Span);
            return true;
        }
        catch (CorruptDataException damage)
        {
            found(damage);
            return false;
        }
    }
}
