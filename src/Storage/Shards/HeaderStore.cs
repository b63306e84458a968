using System.Collections.Immutable;
using EntityActors.Storage.Io;
using EntityActors.Storage.Model;

namespace EntityActors.Storage.Shards;

/// <summary>A header file as it was found: decoded, or why it could not be.</summary>
public sealed record HeaderFile(Epoch Epoch, long Generation, ShardHeader? Header, CorruptDataException? Damage);

/// <summary>Header files of all shards. A header is written once, under a name of its own, and never overwritten.</summary>
/// <remarks>
/// Commit = write → sync → read back → link → sync the directory → read back → still owner. A crash at any point leaves the
/// headers before it untouched, so a torn header is never the newest one that counts. Bytes that do not read back never get a
/// header's name: two such files would look like two committed headers, both lost, whose log may have been trimmed. Safe for
/// concurrent use on different shards.
/// </remarks>
/// <param name="isStillOwner">Whether the epoch has no successor, read from disk at each call.</param>
public sealed class HeaderStore(IFileSystem files, StoreLayout layout, Func<ShardId, Epoch, bool> isStillOwner)
{
    /// <summary>Trimming of the journal and deletion of segments rest on two committed headers.</summary>
    public const int RetainedCount = 2;

    private const string TemporarySuffix = ".tmp";

    /// <summary>Every header file of the shard that may have been committed, newest first, damaged ones included.</summary>
    public ImmutableArray<HeaderFile> ListFiles(ShardId shard)
    {
        var found = ImmutableArray.CreateBuilder<HeaderFile>();
        var generationBefore = long.MaxValue;
        var follows = default(HeaderName);
        foreach (var (epoch, generation) in ListNames(shard))
        {
            // An owner's generations are above all that were committed before its claim. One of an earlier epoch that is not below
            // them was linked afterwards, by an owner that did not know yet that it was replaced: its segments may be gone. The same
            // holds of one below them that the newer header does not follow: its owner had not seen, or passed over, what that one builds on.
            if (generation >= generationBefore || (follows != default && new HeaderName(epoch, generation).CompareTo(follows) > 0)) continue;
            try
            {
                var header = Read(shard, epoch, generation);
                found.Add(new HeaderFile(epoch, generation, header, null));
                follows = header.Follows;
            }
            catch (CorruptDataException damage)
            {
                found.Add(new HeaderFile(epoch, generation, null, damage));
                follows = default;
            }
            catch (StoreIoException failure) when (failure.IsMissing)
            {
                // Trimmed since it was listed: newer ones stand in for it.
                continue;
            }

            generationBefore = generation;
        }

        return found.ToImmutable();
    }

    /// <summary>The valid headers of the shard, newest first.</summary>
    public ImmutableArray<ShardHeader> List(ShardId shard) =>
        [.. ListFiles(shard).Where(file => file.Header is not null).Select(file => file.Header!)];

    /// <summary>Makes the header durable and checks that it reads back as it was meant.</summary>
    /// <exception cref="CorruptDataException">It did not read back. Nothing of it is left behind.</exception>
    /// <exception cref="StaleEpochException">A newer owner exists.</exception>
    /// <exception cref="StoreIoException">The disk refused.</exception>
    public void Commit(ShardHeader header)
    {
        Invariant.Check(header.Problem() is null, "a header that is committed is consistent");
        var directory = layout.Shard(header.Shard);
        var path = layout.Header(header.Shard, header.Epoch, header.Generation);
        var temporary = path + TemporarySuffix;
        var bytes = header.Encode();
        files.Delete(temporary);
        using (var file = files.Create(temporary))
        {
            file.Write(0, bytes);
            file.SyncData();
        }

        try
        {
            ReadBack(header, temporary, bytes);
            if (!files.TryLink(temporary, path)) throw new StaleEpochException(header.Shard, header.Epoch);
        }
        finally
        {
            files.Delete(temporary);
        }

        files.SyncDirectory(directory);
        try
        {
            ReadBack(header, path, bytes);
        }
        catch (StoreIoException failure) when (failure.IsMissing && !isStillOwner(header.Shard, header.Epoch))
        {
            // A newer owner has trimmed it already.
            throw new StaleEpochException(header.Shard, header.Epoch);
        }

        if (!isStillOwner(header.Shard, header.Epoch)) throw new StaleEpochException(header.Shard, header.Epoch);
    }

    /// <summary>Removes headers older than the newest two valid ones. The directory is not synced: a name that comes back harms nothing.</summary>
    public void Trim(ShardId shard, Epoch owner)
    {
        if (!isStillOwner(shard, owner)) return;
        var valid = ListFiles(shard).Where(file => file.Header is not null).ToArray();
        if (valid.Length < RetainedCount) return;
        var oldestKept = valid[RetainedCount - 1];
        foreach (var (epoch, generation) in ListNames(shard))
        {
            var isOlder = epoch < oldestKept.Epoch || (epoch == oldestKept.Epoch && generation < oldestKept.Generation);
            if (isOlder) files.Delete(layout.Header(shard, epoch, generation));
        }
    }

    private IEnumerable<(Epoch Epoch, long Generation)> ListNames(ShardId shard)
    {
        var names = new List<(Epoch Epoch, long Generation)>();
        foreach (var name in files.List(layout.Shard(shard)))
        {
            if (StoreLayout.TryParseHeader(name, out var epoch, out var generation)) names.Add((epoch, generation));
        }

        return names.OrderByDescending(name => name.Epoch).ThenByDescending(name => name.Generation);
    }

    private ShardHeader Read(ShardId shard, Epoch epoch, long generation)
    {
        var path = layout.Header(shard, epoch, generation);
        return Decode(ReadBytes(path), path, shard, epoch, generation);
    }

    private static ShardHeader Decode(byte[] bytes, string path, ShardId shard, Epoch epoch, long generation)
    {
        var header = ShardHeader.Decode(bytes, path);
        return header.Shard == shard && header.Epoch == epoch && header.Generation == generation
            ? header
            : throw new CorruptDataException(path, 0, $"the header of shard {shard}, epoch {epoch}, generation {generation}",
                $"that of shard {header.Shard}, epoch {header.Epoch}, generation {header.Generation}");
    }

    private void ReadBack(ShardHeader header, string path, byte[] written)
    {
        var bytes = ReadBytes(path);
        if (!bytes.AsSpan().SequenceEqual(written))
            throw new CorruptDataException(path, bytes.AsSpan().CommonPrefixLength(written), "the bytes just written", "others");
        _ = Decode(bytes, path, header.Shard, header.Epoch, header.Generation);
    }

    private byte[] ReadBytes(string path)
    {
        using var file = files.OpenRead(path);
        var length = file.Length;
        if (length is < ShardHeader.FixedBytes or > ShardHeader.BytesMax)
            throw new CorruptDataException(path, 0, $"{ShardHeader.FixedBytes} to {ShardHeader.BytesMax} bytes", $"{length}");
        var bytes = new byte[length];
        var count = file.Read(0, bytes);
        return count == length ? bytes : bytes[..count];
    }
}
