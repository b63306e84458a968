using System.Collections.Immutable;
using EntityActors.Storage.Format;
using EntityActors.Storage.Model;

namespace EntityActors.Actors.Protocol;

/// <summary>Parts that several messages share, on the wire. Times are 8 bytes, counts and positions of variable length.</summary>
internal static class ModelCodec
{
    private const byte PutEntityKind = 1;
    private const byte ChangeTagsKind = 2;
    private const byte PutContentKind = 3;
    private const byte DeleteEntityKind = 4;
    private const byte RestoreEntityKind = 5;
    private const byte ArchiveEntityKind = 6;
    private const byte PurgeEntityKind = 7;

    // Kinds of their own: a node that passed over an expiry would do another change.
    private const byte PutExpiringKind = 8;
    private const byte ChangeTagsExpiringKind = 9;

    public static void WriteFlag(ByteWriter writer, bool value) => writer.Byte(value ? (byte)1 : (byte)0);

    public static bool ReadFlag(ref ByteReader reader) => reader.Byte() switch
    {
        0 => false,
        1 => true,
        var other => throw new MalformedBytesException($"flag {other}"),
    };

    public static void WriteShard(ByteWriter writer, ShardId shard) => writer.VarUInt(shard.Value);

    public static ShardId ReadShard(ref ByteReader reader) => new(reader.VarUInt31());

    public static void WriteKey(ByteWriter writer, EntityKey key)
    {
        writer.Text(key.Dataset);
        writer.Text(key.Id);
    }

    public static EntityKey ReadKey(ref ByteReader reader) => new(reader.Text(), reader.Text());

    public static void WriteTime(ByteWriter writer, Timestamp time) => writer.Int64(time.Nanoseconds);

    public static Timestamp ReadTime(ref ByteReader reader) => new(reader.Int64());

    /// <summary>A valid time is never 0, so 0 stands for "none".</summary>
    public static void WriteOptionalTime(ByteWriter writer, Timestamp? time) => writer.Int64(time?.Nanoseconds ?? 0);

    public static Timestamp? ReadOptionalTime(ref ByteReader reader)
    {
        var value = reader.Int64();
        return value == 0 ? null : new Timestamp(value);
    }

    public static void WriteOptionalText(ByteWriter writer, string? text)
    {
        WriteFlag(writer, text is not null);
        if (text is not null) writer.Text(text);
    }

    public static string? ReadOptionalText(ref ByteReader reader) => ReadFlag(ref reader) ? reader.Text() : null;

    public static void WriteDuration(ByteWriter writer, TimeSpan duration) => writer.VarInt(duration.Ticks);

    public static TimeSpan ReadDuration(ref ByteReader reader) => new(reader.VarInt());

    public static void WriteAsOf(ByteWriter writer, AsOf asOf)
    {
        WriteTime(writer, asOf.At);
        WriteTime(writer, asOf.RecordedAt);
    }

    public static AsOf ReadAsOf(ref ByteReader reader) => new(ReadTime(ref reader), ReadTime(ref reader));

    public static void WriteContent(ByteWriter writer, Content? content)
    {
        writer.Byte(content switch { null => 0, { IsCleared: true } => 1, { Blob: null } => 2, _ => 3 });
        if (content is null or { IsCleared: true }) return;
        writer.Text(content.ContentType!);
        if (content.Blob is { } blob) ChangeCodec.WriteBlob(writer, blob);
        else writer.Block(content.Bytes.Span);
    }

    public static Content? ReadContent(ref ByteReader reader) => reader.Byte() switch
    {
        0 => null,
        1 => Content.Cleared,
        2 => new Content(reader.Text(), reader.Block().ToArray()),
        3 => new Content(reader.Text(), default) { Blob = ChangeCodec.ReadBlob(ref reader) },
        var other => throw new MalformedBytesException($"content mark {other}"),
    };

    public static void WriteSnapshot(ByteWriter writer, EntitySnapshot snapshot)
    {
        WriteKey(writer, snapshot.Head.Key);
        ChangeCodec.WriteHead(writer, snapshot.Head);
        WriteContent(writer, snapshot.Content);
    }

    public static EntitySnapshot ReadSnapshot(ref ByteReader reader)
    {
        var key = ReadKey(ref reader);
        var head = ChangeCodec.ReadHead(ref reader, key);
        return new EntitySnapshot(head, ReadContent(ref reader));
    }

    public static void WriteChange(ByteWriter writer, Change change)
    {
        WriteKey(writer, change.Key);
        writer.VarUInt(change.Ordinal);
        ChangeCodec.WriteChange(writer, change);
    }

    public static Change ReadChange(ref ByteReader reader)
    {
        var key = ReadKey(ref reader);
        return ChangeCodec.ReadChange(ref reader, key, reader.VarUInt32());
    }

    public static void WriteMany<T>(ByteWriter writer, ImmutableArray<T> items, Action<ByteWriter, T> write)
    {
        writer.VarUInt((ulong)items.Length);
        foreach (var item in items) write(writer, item);
    }

    public static ImmutableArray<T> ReadMany<T>(ref ByteReader reader, ReadMessage<T> read)
    {
        var count = reader.Count();
        var items = ImmutableArray.CreateBuilder<T>(count);
        for (var i = 0; i < count; i++) items.Add(read(ref reader));
        return items.MoveToImmutable();
    }

    public static void WriteQuery(ByteWriter writer, TagQuery query)
    {
        writer.Text(query.Dataset);
        WriteMany(writer, query.Tags, WritePattern);
        WriteFlag(writer, query.MatchAny);
        WriteMany(writer, query.Not, WritePattern);
        writer.Byte((byte)(query.Lifecycle ?? 0));
    }

    public static TagQuery ReadQuery(ref ByteReader reader)
    {
        var dataset = reader.Text();
        var tags = ReadMany(ref reader, ReadPattern);
        var any = ReadFlag(ref reader);
        var not = ReadMany(ref reader, ReadPattern);
        var lifecycle = (Lifecycle)reader.Byte();
        if (lifecycle != 0 && !Enum.IsDefined(lifecycle)) throw new MalformedBytesException($"lifecycle {(byte)lifecycle}");
        return new TagQuery(dataset, tags, any, not, lifecycle == 0 ? null : lifecycle);
    }

    public static void WriteFilter(ByteWriter writer, ChangeFilter filter)
    {
        WriteOptionalText(writer, filter.Dataset);
        WriteFlag(writer, filter.Tag is not null);
        if (filter.Tag is { } pattern) WritePattern(writer, pattern);
    }

    public static ChangeFilter ReadFilter(ref ByteReader reader) =>
        new(ReadOptionalText(ref reader), ReadFlag(ref reader) ? ReadPattern(ref reader) : null);

    public static void WriteCommand(ByteWriter writer, EntityCommand command)
    {
        writer.Byte(command switch
        {
            PutEntity { Expiry: not null } => PutExpiringKind,
            PutEntity => PutEntityKind,
            ChangeTags { Expiry: not null } => ChangeTagsExpiringKind,
            ChangeTags => ChangeTagsKind,
            PutContent => PutContentKind,
            DeleteEntity => DeleteEntityKind,
            RestoreEntity => RestoreEntityKind,
            ArchiveEntity => ArchiveEntityKind,
            PurgeEntity => PurgeEntityKind,
            _ => throw new InvariantViolationException($"unknown command {command.GetType()}"),
        });
        WriteKey(writer, command.Key);
        writer.UInt128(command.Id.Value);
        writer.Text(command.Author);
        WriteOptionalTime(writer, command.At);
        writer.Byte((byte)command.Condition.Kind);
        writer.VarUInt(command.Condition.Revision);
        switch (command)
        {
            case PutEntity put:
                writer.Tags(put.Tags);
                WriteContent(writer, put.Content);
                if (put.Expiry is { } expiry) WriteExpiry(writer, expiry);
                break;
            case ChangeTags change:
                writer.Tags(change.Add);
                writer.Tags(change.Remove);
                if (change.Expiry is { } then) WriteExpiry(writer, then);
                break;
            case PutContent put:
                WriteContent(writer, put.Content);
                break;
        }
    }

    public static EntityCommand ReadCommand(ref ByteReader reader)
    {
        var kind = reader.Byte();
        var key = ReadKey(ref reader);
        var id = new CommandId(reader.UInt128());
        var author = reader.Text();
        var at = ReadOptionalTime(ref reader);
        var conditionKind = (RevisionConditionKind)reader.Byte();
        if (!Enum.IsDefined(conditionKind)) throw new MalformedBytesException($"condition {(byte)conditionKind}");
        var condition = new RevisionCondition(conditionKind, reader.VarLong());
        return kind switch
        {
            PutEntityKind => new PutEntity(key, id, author, at, condition, reader.Tags(), ReadContent(ref reader)),
            PutExpiringKind => new PutEntity(key, id, author, at, condition, reader.Tags(), ReadContent(ref reader)) { Expiry = ReadExpiry(ref reader) },
            ChangeTagsExpiringKind => new ChangeTags(key, id, author, at, condition, reader.Tags(), reader.Tags()) { Expiry = ReadExpiry(ref reader) },
            ChangeTagsKind => new ChangeTags(key, id, author, at, condition, reader.Tags(), reader.Tags()),
            PutContentKind => new PutContent(key, id, author, at, condition,
                ReadContent(ref reader) ?? throw new MalformedBytesException("a content command without content")),
            DeleteEntityKind => new DeleteEntity(key, id, author, at, condition),
            RestoreEntityKind => new RestoreEntity(key, id, author, at, condition),
            ArchiveEntityKind => new ArchiveEntity(key, id, author, at, condition),
            PurgeEntityKind => at is null ? new PurgeEntity(key, id, author, condition) : throw new MalformedBytesException("a purge with a time"),
            _ => throw new MalformedBytesException($"command kind {kind}"),
        };
    }

    public static void WriteCommit(ByteWriter writer, Commit commit)
    {
        WriteKey(writer, commit.Key);
        writer.VarUInt(commit.Revision);
        WriteTime(writer, commit.At);
        WriteShard(writer, commit.Shard);
        writer.VarUInt(commit.Sequence.Value);
        WriteFlag(writer, commit.Duplicate);
    }

    public static Commit ReadCommit(ref ByteReader reader) => new(ReadKey(ref reader), reader.VarLong(), ReadTime(ref reader),
        ReadShard(ref reader), new SequenceNumber(reader.VarLong()), ReadFlag(ref reader));

    public static void WriteRefusal(ByteWriter writer, Refusal refusal)
    {
        writer.Byte((byte)refusal.Code);
        writer.Text(refusal.Detail);
        writer.VarUInt(refusal.ActualRevision);
    }

    public static Refusal ReadRefusal(ref ByteReader reader)
    {
        var code = (RefusalCode)reader.Byte();
        if (!Enum.IsDefined(code)) throw new MalformedBytesException($"refusal {(byte)code}");
        return new Refusal(code, reader.Text(), reader.VarLong());
    }

    private static void WriteExpiry(ByteWriter writer, Expiry expiry)
    {
        WriteOptionalTime(writer, expiry.At);
        WriteDuration(writer, expiry.After ?? default);
    }

    private static Expiry ReadExpiry(ref ByteReader reader)
    {
        var at = ReadOptionalTime(ref reader);
        var after = ReadDuration(ref reader);
        return new Expiry(at, after == TimeSpan.Zero ? null : after);
    }

    private static void WritePattern(ByteWriter writer, TagPattern pattern)
    {
        writer.Text(pattern.Text);
        WriteFlag(writer, pattern.IsPrefix);
    }

    private static TagPattern ReadPattern(ref ByteReader reader) => new(reader.Text(), ReadFlag(ref reader));
}
