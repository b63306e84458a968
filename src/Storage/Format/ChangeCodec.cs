using EntityActors.Storage.Model;

namespace EntityActors.Storage.Format;

/// <summary>Bytes of changes, heads and batches; layouts in docs/FORMAT.md, "Changes".</summary>
public static class ChangeCodec
{
    /// <summary>Version of the batch layout, the first byte of each batch.</summary>
    public const byte BatchVersion = 1;

    [Flags]
    private enum Parts : byte
    {
        None = 0,
        Backfilled = 1,
        HasContent = 2,
        ContentCleared = 4,
        ContentInBlob = 8,
        Expires = 16,
        Base = 32,
    }

    [Flags]
    private enum HeadParts : byte
    {
        None = 0,
        HasContent = 1,
        Expires = 2,
    }

    /// <summary>A change without its key and ordinal, which its place in a file tells.</summary>
    public static void WriteChange(ByteWriter writer, Change change)
    {
        var parts = (change.At != change.RecordedAt ? Parts.Backfilled : Parts.None)
            | (change.Content is null ? Parts.None : Parts.HasContent)
            | (change.Content is { IsCleared: true } ? Parts.ContentCleared : Parts.None)
            | (change.Content?.Blob is null ? Parts.None : Parts.ContentInBlob)
            | (change.ExpiresAt is null ? Parts.None : Parts.Expires)
            | (change.IsBase ? Parts.Base : Parts.None);
        writer.Byte((byte)parts);
        writer.Byte((byte)change.Lifecycle);
        writer.VarUInt(change.Revision);
        writer.VarUInt(change.Sequence.Value);
        writer.Int64(change.RecordedAt.Nanoseconds);
        if (parts.HasFlag(Parts.Backfilled)) writer.Int64(change.At.Nanoseconds);
        writer.VarUInt(change.ElapsedSeconds);
        writer.UInt128(change.CommandId.Value);
        writer.UInt64(change.Fingerprint);
        writer.Text(change.Author);
        writer.Tags(change.Added);
        writer.Tags(change.Removed);
        writer.VarUInt(change.ContentRevision);
        if (change.ExpiresAt is { } expiresAt) writer.Int64(expiresAt.Nanoseconds);
        if (change.CreatedAt is { } createdAt) writer.Int64(createdAt.Nanoseconds);
        if (change.Content is not { IsCleared: false } content) return;
        writer.Text(content.ContentType!);
        if (content.Blob is { } blob) WriteBlob(writer, blob);
        else writer.Block(content.Bytes.Span);
    }

    /// <summary>What stands for content that is in a blob.</summary>
    public static void WriteBlob(ByteWriter writer, BlobReference blob)
    {
        writer.VarUInt(blob.Id.Epoch.Value);
        writer.UInt128(blob.Id.Value);
        writer.VarUInt(blob.Length);
        writer.UInt128(blob.Hash);
    }

    public static BlobReference ReadBlob(ref ByteReader reader)
    {
        var id = new BlobId(new Epoch(reader.VarLong()), reader.UInt128());
        var length = reader.VarLong();
        if (length > BlobReference.LengthMax) throw new MalformedBytesException($"a blob of {length} bytes");
        return new BlobReference(id, length, reader.UInt128());
    }

    /// <summary>Revision and times of the change that begins here; the reader stands somewhere behind them afterwards.</summary>
    public static (long Revision, Timestamp At, Timestamp RecordedAt) PeekChange(ref ByteReader reader)
    {
        var parts = (Parts)reader.Byte();
        _ = reader.Byte();
        var revision = reader.VarLong();
        _ = reader.VarLong();
        var recordedAt = new Timestamp(reader.Int64());
        return (revision, parts.HasFlag(Parts.Backfilled) ? new Timestamp(reader.Int64()) : recordedAt, recordedAt);
    }

    /// <param name="source">Memory under the reader: content then is a slice of it. Empty: content is a copy.</param>
    public static Change ReadChange(ref ByteReader reader, EntityKey key, uint ordinal, ReadOnlyMemory<byte> source = default)
    {
        var parts = (Parts)reader.Byte();
        if ((parts & ~(Parts.Backfilled | Parts.HasContent | Parts.ContentCleared | Parts.ContentInBlob | Parts.Expires | Parts.Base)) != 0
            || ((parts & (Parts.ContentCleared | Parts.ContentInBlob)) != 0 && !parts.HasFlag(Parts.HasContent))
            || parts.HasFlag(Parts.ContentCleared | Parts.ContentInBlob))
            throw new MalformedBytesException($"unknown parts {(byte)parts} of a change");
        var lifecycle = ReadLifecycle(ref reader);
        var revision = reader.VarLong();
        var sequence = new SequenceNumber(reader.VarLong());
        var recordedAt = new Timestamp(reader.Int64());
        var at = parts.HasFlag(Parts.Backfilled) ? new Timestamp(reader.Int64()) : recordedAt;
        var elapsed = reader.VarUInt32();
        var id = new CommandId(reader.UInt128());
        var fingerprint = reader.UInt64();
        var author = reader.Text();
        var added = reader.Tags();
        var removed = reader.Tags();
        var contentRevision = reader.VarLong();
        Timestamp? expiresAt = parts.HasFlag(Parts.Expires) ? new Timestamp(reader.Int64()) : null;
        Timestamp? createdAt = parts.HasFlag(Parts.Base) ? new Timestamp(reader.Int64()) : null;
        Content? content = null;
        if (parts.HasFlag(Parts.ContentCleared)) content = Content.Cleared;
        else if (parts.HasFlag(Parts.ContentInBlob)) content = new Content(reader.Text(), default) { Blob = ReadBlob(ref reader) };
        else if (parts.HasFlag(Parts.HasContent)) content = ReadContent(ref reader, source);
        return new Change(key, ordinal, revision, sequence, at, recordedAt, elapsed, id, fingerprint, author, added, removed,
            lifecycle, contentRevision, content) { ExpiresAt = expiresAt, CreatedAt = createdAt };
    }

    /// <summary>A head without its key.</summary>
    public static void WriteHead(ByteWriter writer, EntityHead head)
    {
        writer.VarUInt(head.Ordinal);
        writer.VarUInt(head.Revision);
        writer.Byte((byte)head.Lifecycle);
        writer.Int64(head.CreatedAt.Nanoseconds);
        writer.Int64(head.UpdatedAt.Nanoseconds);
        writer.Int64(head.RecordedAt.Nanoseconds);
        writer.Tags(head.Tags);
        writer.VarUInt(head.ContentRevision);
        writer.Byte((byte)((head.ContentType is null ? HeadParts.None : HeadParts.HasContent) | (head.ExpiresAt is null ? HeadParts.None : HeadParts.Expires)));
        if (head.ContentType is not null) writer.Text(head.ContentType);
        writer.VarUInt(head.ContentLength);
        if (head.ExpiresAt is { } expiresAt) writer.Int64(expiresAt.Nanoseconds);
    }

    public static EntityHead ReadHead(ref ByteReader reader, EntityKey key)
    {
        var ordinal = reader.VarUInt32();
        var revision = reader.VarLong();
        var lifecycle = ReadLifecycle(ref reader);
        var created = new Timestamp(reader.Int64());
        var updated = new Timestamp(reader.Int64());
        var recorded = new Timestamp(reader.Int64());
        var tags = reader.Tags();
        var contentRevision = reader.VarLong();
        var parts = (HeadParts)reader.Byte();
        if ((parts & ~(HeadParts.HasContent | HeadParts.Expires)) != 0) throw new MalformedBytesException($"unknown parts {(byte)parts} of a head");
        var contentType = parts.HasFlag(HeadParts.HasContent) ? reader.Text() : null;
        var contentLength = reader.VarLong();
        return new EntityHead(key, ordinal, revision, lifecycle, created, updated, recorded, tags, contentRevision,
            contentType, contentLength) { ExpiresAt = parts.HasFlag(HeadParts.Expires) ? new Timestamp(reader.Int64()) : null };
    }

    public static byte[] WriteBatch(ChangeBatch batch)
    {
        var writer = new ByteWriter(batch.Changes.Length * 256);
        writer.Byte(BatchVersion);
        writer.VarUInt(batch.Epoch.Value);
        writer.VarUInt(batch.Sequence.Value);
        writer.VarUInt((ulong)batch.Changes.Length);
        foreach (var change in batch.Changes)
        {
            writer.Text(change.Key.Dataset);
            writer.Text(change.Key.Id);
            writer.VarUInt(change.Ordinal);
            WriteChange(writer, change);
        }

        return writer.ToArray();
    }

    public static ChangeBatch ReadBatch(ReadOnlySpan<byte> bytes)
    {
        var reader = new ByteReader(bytes);
        var version = reader.Byte();
        if (version != BatchVersion) throw new MalformedBytesException($"batch version {version}, this program reads {BatchVersion}");
        var epoch = new Epoch(reader.VarLong());
        var sequence = new SequenceNumber(reader.VarLong());
        var changes = new Change[reader.Count(40)];
        for (var i = 0; i < changes.Length; i++)
        {
            var key = new EntityKey(reader.Text(), reader.Text());
            changes[i] = ReadChange(ref reader, key, reader.VarUInt32());
        }

        reader.End();
        return new ChangeBatch(epoch, sequence, System.Runtime.InteropServices.ImmutableCollectionsMarshal.AsImmutableArray(changes));
    }

    private static Content ReadContent(ref ByteReader reader, ReadOnlyMemory<byte> source)
    {
        var type = reader.Text();
        var bytes = reader.Block();
        return new Content(type, source.IsEmpty ? bytes.ToArray() : source[(reader.Offset - bytes.Length)..reader.Offset]);
    }

    private static Lifecycle ReadLifecycle(ref ByteReader reader)
    {
        var value = reader.Byte();
        return value is >= (byte)Lifecycle.Active and <= (byte)Lifecycle.Purged
            ? (Lifecycle)value
            : throw new MalformedBytesException($"unknown lifecycle {value}");
    }
}
