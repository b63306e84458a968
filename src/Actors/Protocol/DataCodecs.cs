using EntityActors.Storage.Format;
using EntityActors.Storage.Model;
using static EntityActors.Actors.Protocol.ModelCodec;

namespace EntityActors.Actors.Protocol;

/// <summary>Messages of transactions, datasets, sorted queries and relations: version 3 of the protocol.</summary>
/// <remarks>The rules are those of <see cref="ProtocolCodecs"/>.</remarks>
internal static class DataCodecs
{
    public static IEnumerable<MessageCodec> All()
    {
        yield return MessageCodec.Of<ExecuteTransaction>("q30",
            static (writer, message) =>
            {
                WriteShard(writer, message.Shard);
                WriteMany(writer, message.Transaction.Operations, WriteCommand);
            },
            static (ref reader) => new ExecuteTransaction(ReadShard(ref reader), ReadTransaction(ref reader)));
        yield return MessageCodec.Of<TransactionCommitted>("r30",
            static (writer, message) => WriteMany(writer, message.Commits, WriteCommit),
            static (ref reader) => new TransactionCommitted(ReadMany(ref reader, ReadCommit)));
        yield return MessageCodec.Of<TransactionRefused>("r31",
            static (writer, message) =>
            {
                writer.VarUInt(message.Operation);
                WriteRefusal(writer, message.Refusal);
            },
            static (ref reader) => new TransactionRefused(reader.VarUInt31(), ReadRefusal(ref reader)));
        foreach (var codec in Sorting()) yield return codec;
        foreach (var codec in Lists()) yield return codec;
    }

    private static IEnumerable<MessageCodec> Sorting()
    {
        yield return MessageCodec.Of<SortEntities>("q31",
            static (writer, message) =>
            {
                WriteShard(writer, message.Shard);
                WriteQuery(writer, message.Query);
                WriteAsOf(writer, message.AsOf);
                WriteSort(writer, message.Sort);
                WriteFlag(writer, message.After is not null);
                if (message.After is { } after) WritePlace(writer, after);
                writer.VarUInt(message.Limit);
                WriteFlag(writer, message.Count);
            },
            static (ref reader) => new SortEntities(ReadShard(ref reader), ReadQuery(ref reader), ReadAsOf(ref reader), ReadSort(ref reader),
                ReadFlag(ref reader) ? ReadPlace(ref reader) : null, reader.VarUInt31(), ReadFlag(ref reader)));
        yield return MessageCodec.Of<EntitiesSorted>("r32",
            static (writer, message) =>
            {
                WriteShard(writer, message.Shard);
                WriteMany(writer, message.Items, static (to, item) =>
                {
                    WritePlace(to, item.Place);
                    to.VarUInt(item.ContentBytes);
                });
                WriteFlag(writer, message.HasMore);
                WriteFlag(writer, message.Total is not null);
                if (message.Total is { } total) writer.VarUInt(total);
            },
            static (ref reader) => new EntitiesSorted(ReadShard(ref reader),
                ReadMany(ref reader, static (ref from) => new SortedEntity(ReadPlace(ref from), from.VarLong())), ReadFlag(ref reader),
                ReadFlag(ref reader) ? reader.VarLong() : null));
        yield return MessageCodec.Of<GetByOrdinals>("q32",
            static (writer, message) =>
            {
                WriteShard(writer, message.Shard);
                WriteAsOf(writer, message.AsOf);
                WriteMany(writer, message.Ordinals, static (to, ordinal) => to.VarUInt(ordinal));
                WriteFlag(writer, message.WithContent);
            },
            static (ref reader) => new GetByOrdinals(ReadShard(ref reader), ReadAsOf(ref reader),
                ReadMany(ref reader, static (ref from) => from.VarUInt32()), ReadFlag(ref reader)));
    }

    private static IEnumerable<MessageCodec> Lists()
    {
        yield return MessageCodec.Of<ListDatasets>("q33",
            static (writer, message) =>
            {
                WriteShard(writer, message.Shard);
                WriteOptionalText(writer, message.After);
                WriteAsOf(writer, message.AsOf);
                writer.VarUInt(message.Limit);
            },
            static (ref reader) => new ListDatasets(ReadShard(ref reader), ReadOptionalText(ref reader), ReadAsOf(ref reader), reader.VarUInt31()));
        yield return MessageCodec.Of<DatasetsFound>("r33",
            static (writer, message) =>
            {
                WriteShard(writer, message.Shard);
                WriteMany(writer, message.Items, static (to, item) =>
                {
                    to.Text(item.Dataset);
                    to.VarUInt(item.ActiveCount);
                });
                WriteFlag(writer, message.HasMore);
            },
            static (ref reader) => new DatasetsFound(ReadShard(ref reader),
                ReadMany(ref reader, static (ref from) => new DatasetCount(from.Text(), from.VarLong())), ReadFlag(ref reader)));
        yield return MessageCodec.Of<GetActive>("q34",
            static (writer, message) =>
            {
                WriteShard(writer, message.Shard);
                writer.Text(message.Dataset);
                WriteMany(writer, message.Ids, static (to, id) => to.Text(id));
                WriteAsOf(writer, message.AsOf);
            },
            static (ref reader) => new GetActive(ReadShard(ref reader), reader.Text(), ReadMany(ref reader, static (ref from) => from.Text()),
                ReadAsOf(ref reader)));
        yield return MessageCodec.Of<FindReferrers>("q35",
            static (writer, message) =>
            {
                WriteShard(writer, message.Shard);
                writer.Text(message.Dataset);
                WriteOptionalText(writer, message.Type);
                WriteMany(writer, message.Ids, static (to, id) => to.Text(id));
                WriteAsOf(writer, message.AsOf);
                writer.VarUInt(message.Limit);
            },
            static (ref reader) => new FindReferrers(ReadShard(ref reader), reader.Text(), ReadOptionalText(ref reader),
                ReadMany(ref reader, static (ref from) => from.Text()), ReadAsOf(ref reader), reader.VarUInt31()));
        yield return MessageCodec.Of<RelatedFound>("r34",
            static (writer, message) =>
            {
                WriteShard(writer, message.Shard);
                WriteMany(writer, message.Items, static (to, head) =>
                {
                    WriteKey(to, head.Key);
                    ChangeCodec.WriteHead(to, head);
                });
                WriteFlag(writer, message.IsCut);
            },
            static (ref reader) => new RelatedFound(ReadShard(ref reader), ReadMany(ref reader, static (ref from) =>
            {
                var key = ReadKey(ref from);
                return ChangeCodec.ReadHead(ref from, key);
            }), ReadFlag(ref reader)));
    }

    public static void WriteSort(ByteWriter writer, EntitySort sort)
    {
        writer.Byte((byte)sort.Field);
        if (sort.Field == SortField.Tag) writer.Text(sort.TagName!);
        WriteFlag(writer, sort.IsDescending);
    }

    private static EntitySort ReadSort(ref ByteReader reader)
    {
        var field = (SortField)reader.Byte();
        if (!Enum.IsDefined(field)) throw new MalformedBytesException($"sort field {(byte)field}");
        return new EntitySort(field, field == SortField.Tag ? reader.Text() : null, ReadFlag(ref reader));
    }

    public static void WritePlace(ByteWriter writer, SortPlace place)
    {
        writer.Block(place.Key.Span);
        // A place before all entities with a key has the ordinal -1.
        writer.VarUInt(place.Ordinal + 1);
    }

    public static SortPlace ReadPlace(ref ByteReader reader) => new(reader.Block().ToArray(), reader.VarLong() - 1);

    private static EntityTransaction ReadTransaction(ref ByteReader reader)
    {
        var operations = ReadMany(ref reader, ReadCommand);
        return operations.IsEmpty ? throw new MalformedBytesException("a transaction without operations") : new EntityTransaction(operations);
    }
}
