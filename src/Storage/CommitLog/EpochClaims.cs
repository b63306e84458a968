using EntityActors.Storage.Format;
using EntityActors.Storage.Io;
using EntityActors.Storage.Model;

namespace EntityActors.Storage.CommitLog;

/// <summary>Who claimed an epoch: the log its events go to, and from where.</summary>
internal sealed record EpochClaim(Epoch Epoch, string Node, LogId Log, long StartPosition, int ProcessId);

/// <summary>Where an epoch's events end for ever. Bytes of its log past the position are ignored.</summary>
internal readonly record struct Seal(Epoch Epoch, string Node, LogId Log, long Position);

/// <summary>An epoch that served: the seals of those before it, and the last event it started from.</summary>
internal sealed record OpenedEpoch(Epoch Epoch, SequenceNumber LastSequence, IReadOnlyList<Seal> Seals);

/// <summary>Claim files of all shards: a claim is complete and synced before it has its name, and is never changed.</summary>
/// <remarks>
/// <c>link</c> is the compare-and-swap: of several claimants of one number exactly one gets it. "Still owner" means, by path, that
/// the next claim is absent and one's own is present.
/// </remarks>
/// <param name="processId">Written into claims; 0 for one who only reads them.</param>
internal sealed class EpochClaims(IFileSystem files, string dataDirectory, int processId = 0)
{
    private const ulong ClaimMagic = 0x32_30_4C_43_54_43_41_45; // "EACTCL02"
    private const ulong OpenedMagic = 0x32_30_50_4F_54_43_41_45; // "EACTOP02"

    // They did not name their shard: a file that had changed places with another shard's of the same epoch was taken for this one's.
    private const ulong ShardlessClaimMagic = 0x31_30_4C_43_54_43_41_45; // "EACTCL01"
    private const ulong ShardlessOpenedMagic = 0x31_30_50_4F_54_43_41_45; // "EACTOP01"
    private const string OpenedSuffix = ".opened";
    private const int BytesMax = 1024 * 1024;
    private const string TemporarySuffix = ".tmp";
    private long _published;

    /// <summary>Takes the next free epoch.</summary>
    /// <remarks>
    /// A number whose claim was deleted must not be taken again: whoever held it would believe that it still owns the shard. So the temporary
    /// file comes first, then the look at which number is free, then the link; and <see cref="DeleteBelow"/> removes temporary files
    /// before claims. A claimant that looked before a claim was made finds its file gone by the time that claim is.
    /// </remarks>
    public EpochClaim Claim(ShardId shard, string node, LogId log, long startPosition)
    {
        var directory = LogLayout.EpochDirectory(dataDirectory, shard);
        files.CreateDirectory(directory);
        var epoch = NextFree(shard);
        while (true)
        {
            var claim = new EpochClaim(epoch, node, log, startPosition, processId);
            var path = Path.Combine(directory, epoch.ToString());
            var temporary = WriteTemporary(path, log, Encode(shard, claim));
            // Who made the claims below may have been killed before it synced their names: a power cut must not take one of them and leave
            // the one made here.
            files.SyncDirectory(directory);
            var free = NextFree(shard);
            var isTaken = free == epoch && TryLinkTemporary(temporary, path);
            files.Delete(temporary);
            if (isTaken)
            {
                files.SyncDirectory(directory);
                return claim;
            }

            epoch = free > epoch ? free : NextFree(shard);
        }
    }

    /// <summary>Says durably that the epoch serves, and where its predecessors end.</summary>
    public void WriteOpened(ShardId shard, LogId log, OpenedEpoch opened)
    {
        var writer = new ByteWriter();
        writer.UInt64(OpenedMagic);
        writer.VarUInt((ulong)shard.Value);
        writer.VarUInt(opened.Epoch.Value);
        writer.VarUInt(opened.LastSequence.Value);
        writer.VarUInt((ulong)opened.Seals.Count);
        foreach (var seal in opened.Seals)
        {
            writer.VarUInt(seal.Epoch.Value);
            writer.Text(seal.Node);
            writer.UInt64(seal.Log.Value);
            writer.VarUInt(seal.Position);
        }

        var directory = LogLayout.EpochDirectory(dataDirectory, shard);
        var path = Path.Combine(directory, opened.Epoch + OpenedSuffix);
        var temporary = WriteTemporary(path, log, writer);
        var published = files.TryLink(temporary, path);
        files.Delete(temporary);
        Invariant.Check(published, "an epoch is opened once, by the process that claimed it");
        files.SyncDirectory(directory);
    }

    public bool IsStillOwner(ShardId shard, Epoch epoch)
    {
        var directory = LogLayout.EpochDirectory(dataDirectory, shard);
        return !files.FileExists(Path.Combine(directory, epoch.Next.ToString())) && files.FileExists(Path.Combine(directory, epoch.ToString()));
    }

    /// <summary>What fails because a newer owner has removed what it needs is no damage.</summary>
    /// <exception cref="StaleEpochException">Something is missing or other than expected, and the shard has a newer owner.</exception>
    public T AsOwner<T>(ShardId shard, Epoch epoch, Func<T> action)
    {
        try
        {
            return action();
        }
        catch (StoreException failure) when (failure is CorruptDataException or StoreIoException { IsMissing: true } && !IsStillOwner(shard, epoch))
        {
            throw new StaleEpochException(shard, epoch);
        }
    }

    /// <summary>Epochs with a claim, ascending.</summary>
    public IReadOnlyList<Epoch> List(ShardId shard)
    {
        var epochs = new List<Epoch>();
        foreach (var name in files.List(LogLayout.EpochDirectory(dataDirectory, shard)))
        {
            if (long.TryParse(name, System.Globalization.NumberStyles.None, null, out var number) && number > 0) epochs.Add(new Epoch(number));
        }

        epochs.Sort();
        return epochs;
    }

    private IEnumerable<Epoch> ListOpened(ShardId shard)
    {
        foreach (var name in files.List(LogLayout.EpochDirectory(dataDirectory, shard)))
        {
            if (name.EndsWith(OpenedSuffix, StringComparison.Ordinal) && long.TryParse(name[..^OpenedSuffix.Length], out var number))
                yield return new Epoch(number);
        }
    }

    /// <exception cref="CorruptDataException">The claim is damaged.</exception>
    public EpochClaim Read(ShardId shard, Epoch epoch)
    {
        var path = Path.Combine(LogLayout.EpochDirectory(dataDirectory, shard), epoch.ToString());
        return Parse(path, (ref ByteReader reader) =>
        {
            ReadOwner(ref reader, shard, ClaimMagic, ShardlessClaimMagic);
            return new EpochClaim(ReadEpoch(ref reader, epoch), reader.Text(), new LogId(reader.UInt64()), reader.VarLong(), reader.VarUInt31());
        });
    }

    /// <summary>Null when the epoch never served.</summary>
    /// <exception cref="CorruptDataException">The file is damaged.</exception>
    public OpenedEpoch? ReadOpened(ShardId shard, Epoch epoch)
    {
        var path = Path.Combine(LogLayout.EpochDirectory(dataDirectory, shard), epoch + OpenedSuffix);
        if (!files.FileExists(path)) return null;
        return Parse(path, (ref ByteReader reader) =>
        {
            ReadOwner(ref reader, shard, OpenedMagic, ShardlessOpenedMagic);
            var opened = ReadEpoch(ref reader, epoch);
            var last = new SequenceNumber(reader.VarLong());
            var seals = new Seal[reader.Count(4)];
            for (var i = 0; i < seals.Length; i++)
                seals[i] = new Seal(new Epoch(reader.VarLong()), reader.Text(), new LogId(reader.UInt64()), reader.VarLong());
            return new OpenedEpoch(opened, last, seals);
        });
    }

    /// <summary>What is wrong with the files of an epoch that serves; null when both are as they were written.</summary>
    public CorruptDataException? FindDamage(ShardId shard, Epoch epoch)
    {
        try
        {
            _ = Read(shard, epoch);
            return ReadOpened(shard, epoch) is not null
                ? null
                : new CorruptDataException(LogLayout.EpochDirectory(dataDirectory, shard), 0, $"{epoch}{OpenedSuffix}, since that epoch serves", "none");
        }
        catch (CorruptDataException damage)
        {
            return damage;
        }
        catch (StoreIoException failure)
        {
            return new CorruptDataException(failure.Path, 0, $"claim {epoch} of shard {shard}", failure.Message);
        }
    }

    /// <summary>Removes claims below an epoch, oldest first: a reader that misses one's successor then misses one too.</summary>
    public void DeleteBelow(ShardId shard, Epoch epoch)
    {
        var directory = LogLayout.EpochDirectory(dataDirectory, shard);
        // What claimants that were killed in the middle left (one that still runs loses that number anyway), before any claim: see Claim.
        // And what a power cut brought back of a deletion.
        var claimed = List(shard);
        foreach (var name in files.List(directory))
        {
            if (!long.TryParse(name.Split('.')[0], out var number) || number >= epoch.Value) continue;
            var isLeft = name.EndsWith(TemporarySuffix, StringComparison.Ordinal)
                || (name.EndsWith(OpenedSuffix, StringComparison.Ordinal) && !claimed.Contains(new Epoch(number)));
            if (isLeft) files.Delete(Path.Combine(directory, name));
        }

        foreach (var old in claimed)
        {
            if (old >= epoch) break;
            files.Delete(Path.Combine(directory, old + OpenedSuffix));
            files.Delete(Path.Combine(directory, old.ToString()));
        }
    }

    /// <summary>Names in the directory of claims that are neither a claim nor stand beside one.</summary>
    public IEnumerable<string> ListStrays(ShardId shard)
    {
        var claimed = List(shard).Select(epoch => epoch.ToString()).ToHashSet();
        foreach (var name in files.List(LogLayout.EpochDirectory(dataDirectory, shard)))
        {
            var owner = name.EndsWith(OpenedSuffix, StringComparison.Ordinal) ? name[..^OpenedSuffix.Length] : name;
            if (!claimed.Contains(owner)) yield return name;
        }
    }

    private static void ReadOwner(ref ByteReader reader, ShardId shard, ulong magic, ulong shardlessMagic)
    {
        var found = reader.UInt64();
        if (found == shardlessMagic) return;
        if (found != magic) throw new MalformedBytesException("other leading bytes");
        var owner = reader.VarLong();
        if (owner != shard.Value) throw new MalformedBytesException($"one of shard {owner}");
    }

    private static Epoch ReadEpoch(ref ByteReader reader, Epoch expected)
    {
        var found = new Epoch(reader.VarLong());
        return found == expected ? found : throw new MalformedBytesException($"one of epoch {found}");
    }

    private delegate T Parser<T>(ref ByteReader reader);

    private T Parse<T>(string path, Parser<T> parser)
    {
        try
        {
            using var file = files.OpenRead(path);
            var bytes = new byte[Math.Min(file.Length, BytesMax)];
            _ = file.Read(0, bytes);
            if (bytes.Length < sizeof(uint)) throw new MalformedBytesException($"{bytes.Length} bytes");
            var body = bytes.AsSpan(0, bytes.Length - sizeof(uint));
            if (Crc32C.Compute(body) != BitConverter.ToUInt32(bytes.AsSpan(body.Length))) throw new MalformedBytesException("another checksum");
            var reader = new ByteReader(body);
            var value = parser(ref reader);
            reader.End();
            return value;
        }
        catch (MalformedBytesException cause)
        {
            throw new CorruptDataException(path, 0, "a claim of a shard", cause.Message);
        }
    }

    // A claim that was lost is not taken again: its opened file would speak for this log then.
    private Epoch NextFree(ShardId shard) => List(shard).Concat(ListOpened(shard)).DefaultIfEmpty().Max().Next;

    private static ByteWriter Encode(ShardId shard, EpochClaim claim)
    {
        var writer = new ByteWriter();
        writer.UInt64(ClaimMagic);
        writer.VarUInt((ulong)shard.Value);
        writer.VarUInt(claim.Epoch.Value);
        writer.Text(claim.Node);
        writer.UInt64(claim.Log.Value);
        writer.VarUInt(claim.StartPosition);
        writer.VarUInt(claim.ProcessId);
        return writer;
    }

    private string WriteTemporary(string path, LogId log, ByteWriter writer)
    {
        writer.UInt32(Crc32C.Compute(writer.Written));
        // Two take-overs of one process may race: what is linked must be what was synced.
        var temporary = $"{path}.{log}.{Interlocked.Increment(ref _published)}{TemporarySuffix}";
        files.Delete(temporary);
        using var file = files.Create(temporary);
        file.Write(0, writer.Written);
        file.SyncData();
        return temporary;
    }

    /// <returns>False also when the temporary file is gone: whoever deletes claims removes those of earlier numbers first.</returns>
    private bool TryLinkTemporary(string temporary, string path)
    {
        try
        {
            return files.TryLink(temporary, path);
        }
        catch (StoreIoException failure) when (failure.IsMissing)
        {
            return false;
        }
    }
}
