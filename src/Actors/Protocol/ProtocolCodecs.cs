using EntityActors.Storage.Format;
using EntityActors.Storage.Model;
using static EntityActors.Actors.Protocol.ModelCodec;

namespace EntityActors.Actors.Protocol;

/// <summary>Every message that crosses the wire in a hand-written layout: q = request, r = reply, f = fault, e = event, t = transfer.</summary>
/// <remarks>
/// Nodes of two versions talk to each other while a cluster is upgraded one node after another. A reply or a fault only informs: it may gain
/// optional fields at its end (<see cref="MessageCodec.MayGrow"/>). Everything else gets a new manifest with a changed layout; the old one stays
/// readable for as long as old nodes may send it.
/// </remarks>
internal static class ProtocolCodecs
{
    public static readonly MessageCodec[] All =
        [.. Requests(), .. Replies(), .. Faults(), .. TransferCodecs.All(), .. DataCodecs.All(), .. TrimCodecs.All(), Event()];

    private static MessageCodec Event() => MessageCodec.Of<ChangeBatch>("e1",
        static (writer, batch) => writer.Bytes(ChangeCodec.WriteBatch(batch)),
        static (ref reader) => ChangeCodec.ReadBatch(reader.Bytes(reader.Remaining)));

    private static IEnumerable<MessageCodec> Requests()
    {
        yield return MessageCodec.Of<ExecuteCommand>("q1",
            static (writer, message) =>
            {
                WriteShard(writer, message.Shard);
                WriteCommand(writer, message.Command);
            },
            static (ref reader) => new ExecuteCommand(ReadShard(ref reader), ReadCommand(ref reader)));
        yield return MessageCodec.Of<GetEntity>("q2",
            static (writer, message) =>
            {
                WriteShard(writer, message.Shard);
                WriteKey(writer, message.Key);
                WriteOptionalTime(writer, message.AsOf);
                WriteFlag(writer, message.WithContent);
            },
            static (ref reader) => new GetEntity(
                ReadShard(ref reader), ReadKey(ref reader), ReadOptionalTime(ref reader), ReadFlag(ref reader)));
        yield return MessageCodec.Of<GetHistory>("q3",
            static (writer, message) =>
            {
                WriteShard(writer, message.Shard);
                WriteKey(writer, message.Query.Key);
                WriteOptionalTime(writer, message.Query.From);
                WriteOptionalTime(writer, message.Query.To);
                writer.VarUInt(message.Query.AfterRevision);
                writer.VarUInt(message.Query.Limit);
            },
            static (ref reader) => new GetHistory(ReadShard(ref reader), new HistoryQuery(
                ReadKey(ref reader), ReadOptionalTime(ref reader), ReadOptionalTime(ref reader), reader.VarLong(), reader.VarUInt31())));
        yield return MessageCodec.Of<RaiseReadTime>("q4",
            static (writer, message) =>
            {
                WriteShard(writer, message.Shard);
                WriteTime(writer, message.To);
            },
            static (ref reader) => new RaiseReadTime(ReadShard(ref reader), ReadTime(ref reader)));
        yield return MessageCodec.Of<FindEntities>("q5",
            static (writer, message) =>
            {
                WriteShard(writer, message.Shard);
                WriteQuery(writer, message.Query);
                WriteAsOf(writer, message.AsOf);
                writer.VarUInt(message.FromOrdinal);
                writer.VarUInt(message.Limit);
                WriteFlag(writer, message.Count);
                WriteFlag(writer, message.WithContent);
            },
            static (ref reader) => new FindEntities(ReadShard(ref reader), ReadQuery(ref reader), ReadAsOf(ref reader),
                reader.VarUInt32(), reader.VarUInt31(), ReadFlag(ref reader), ReadFlag(ref reader)));
        yield return MessageCodec.Of<ListTags>("q6",
            static (writer, message) =>
            {
                WriteShard(writer, message.Shard);
                writer.Text(message.Dataset);
                writer.Text(message.Prefix);
                WriteOptionalText(writer, message.After);
                WriteAsOf(writer, message.AsOf);
                writer.VarUInt(message.Limit);
            },
            static (ref reader) => new ListTags(ReadShard(ref reader), reader.Text(), reader.Text(), ReadOptionalText(ref reader),
                ReadAsOf(ref reader), reader.VarUInt31()));
        yield return ShardOnly("q7", static message => message.Shard, static shard => new GetShardState(shard));
        yield return ShardOnly("q8", static message => message.Shard, static shard => new CheckpointShard(shard));
        yield return MessageCodec.Of<VerifyShard>("q9",
            static (writer, message) =>
            {
                WriteShard(writer, message.Shard);
                WriteFlag(writer, message.Repair);
            },
            static (ref reader) => new VerifyShard(ReadShard(ref reader), ReadFlag(ref reader)));
        yield return ShardOnly("q10", static message => message.Shard, static shard => new WakeShard(shard));
        yield return ShardOnly("q12", static message => message.Shard, static shard => new RestartShard(shard));
        yield return MessageCodec.Of<GetChanges>("q13",
            static (writer, message) =>
            {
                WriteShard(writer, message.Shard);
                WriteTime(writer, message.After);
                WriteFilter(writer, message.Filter);
                writer.VarUInt(message.Limit);
                writer.VarUInt(message.BytesMax);
                WriteDuration(writer, message.Wait);
            },
            static (ref reader) => new GetChanges(ReadShard(ref reader), ReadTime(ref reader), ReadFilter(ref reader),
                reader.VarUInt31(), reader.VarLong(), ReadDuration(ref reader)));
        yield return ShardOnly("q20", static message => message.Shard, static shard => new DescribeStore(shard));
        yield return MessageCodec.Of<DrainShard>("q11", static (_, _) => { }, static (ref _) => DrainShard.Instance);
    }

    private static IEnumerable<MessageCodec> Replies()
    {
        yield return MessageCodec.Of<CommandCommitted>("r1",
            static (writer, message) => WriteCommit(writer, message.Commit), static (ref reader) => new CommandCommitted(ReadCommit(ref reader)));
        yield return MessageCodec.Of<CommandRefused>("r2",
            static (writer, message) => WriteRefusal(writer, message.Refusal), static (ref reader) => new CommandRefused(ReadRefusal(ref reader)));
        yield return MessageCodec.Of<EntityFound>("r3",
            static (writer, message) =>
            {
                WriteFlag(writer, message.Entity is not null);
                if (message.Entity is not null) WriteSnapshot(writer, message.Entity);
            },
            static (ref reader) => new EntityFound(ReadFlag(ref reader) ? ReadSnapshot(ref reader) : null));
        yield return MessageCodec.Of<HistoryFound>("r4",
            static (writer, message) =>
            {
                WriteMany(writer, message.Page.Changes, WriteChange);
                WriteFlag(writer, message.Page.Exists);
                WriteFlag(writer, message.Page.HasMore);
            },
            static (ref reader) => new HistoryFound(
                new HistoryPage(ReadMany(ref reader, ReadChange), ReadFlag(ref reader), ReadFlag(ref reader))));
        yield return MessageCodec.Of<ReadTimeRaised>("r5",
            static (writer, message) =>
            {
                WriteShard(writer, message.Shard);
                WriteTime(writer, message.ReadTime);
            },
            static (ref reader) => new ReadTimeRaised(ReadShard(ref reader), ReadTime(ref reader)));
        yield return MessageCodec.Of<EntitiesFound>("r6",
            static (writer, message) =>
            {
                WriteShard(writer, message.Shard);
                WriteMany(writer, message.Items, WriteSnapshot);
                WriteFlag(writer, message.Next is not null);
                if (message.Next is { } next) writer.VarUInt(next);
                WriteFlag(writer, message.Total is not null);
                if (message.Total is { } total) writer.VarUInt(total);
            },
            static (ref reader) => new EntitiesFound(ReadShard(ref reader), ReadMany(ref reader, ReadSnapshot),
                ReadFlag(ref reader) ? reader.VarUInt32() : null, ReadFlag(ref reader) ? reader.VarLong() : null));
        yield return MessageCodec.Of<TagsFound>("r7",
            static (writer, message) =>
            {
                WriteShard(writer, message.Shard);
                WriteMany(writer, message.Items, static (to, item) =>
                {
                    to.Text(item.Tag);
                    to.VarUInt(item.Count);
                });
                WriteFlag(writer, message.HasMore);
            },
            static (ref reader) => new TagsFound(ReadShard(ref reader),
                ReadMany(ref reader, static (ref from) => new TagCount(from.Text(), from.VarLong())), ReadFlag(ref reader)));
        yield return MessageCodec.Of<ChangesFound>("r8",
            static (writer, message) =>
            {
                WriteShard(writer, message.Shard);
                WriteMany(writer, message.Changes, WriteChange);
                WriteTime(writer, message.Through);
                WriteFlag(writer, message.HasMore);
            },
            static (ref reader) => new ChangesFound(
                ReadShard(ref reader), ReadMany(ref reader, ReadChange), ReadTime(ref reader), ReadFlag(ref reader)));
        yield return MessageCodec.Of<StoreDescription>("r20",
            static (writer, message) =>
            {
                writer.VarUInt(message.ShardCount);
                writer.VarUInt(message.Limits.TagCountMax);
                writer.VarUInt(message.Limits.ContentBytesMax);
            },
            static (ref reader) => new StoreDescription(
                reader.VarUInt31(), new EntityLimits { TagCountMax = reader.VarUInt31(), ContentBytesMax = reader.VarUInt31() }));
    }

    private static IEnumerable<MessageCodec> Faults()
    {
        yield return MessageCodec.Of<ShardFault.Busy>("f1",
            static (writer, message) =>
            {
                WriteShard(writer, message.Shard);
                writer.Text(message.What);
                WriteDuration(writer, message.RetryAfter);
            },
            static (ref reader) => new ShardFault.Busy(ReadShard(ref reader), reader.Text(), ReadDuration(ref reader)));
        yield return MessageCodec.Of<ShardFault.Unavailable>("f2",
            static (writer, message) =>
            {
                WriteShard(writer, message.Shard);
                writer.Text(message.Reason);
                WriteFlag(writer, message.IsStorageFull);
                WriteDuration(writer, message.RetryAfter);
                // Since version 2.
                WriteOptionalText(writer, message.Node);
            },
            static (ref reader) => new ShardFault.Unavailable(ReadShard(ref reader), reader.Text(), ReadFlag(ref reader), ReadDuration(ref reader),
                reader.IsAtEnd ? null : ReadOptionalText(ref reader)));
        yield return MessageCodec.Of<ShardFault.OutcomeUnknown>("f3",
            static (writer, message) =>
            {
                WriteShard(writer, message.Shard);
                writer.UInt128(message.Command.Value);
            },
            static (ref reader) => new ShardFault.OutcomeUnknown(ReadShard(ref reader), new CommandId(reader.UInt128())));
        yield return ShardAndText("f4", static message => message.Detail,
            static (shard, detail) => new ShardFault.Corrupted(shard, detail));
        yield return ShardAndText("f5", static message => message.Detail,
            static (shard, detail) => new ShardFault.InvalidQuery(shard, detail));
    }

    private static MessageCodec ShardOnly<T>(string manifest, Func<T, ShardId> shard, Func<ShardId, T> make)
        where T : class =>
        MessageCodec.Of<T>(manifest, (writer, message) => WriteShard(writer, shard(message)), (ref reader) => make(ReadShard(ref reader)));

    private static MessageCodec ShardAndText<T>(string manifest, Func<T, string> text, Func<ShardId, string, T> make)
        where T : ShardFault =>
        MessageCodec.Of<T>(manifest,
            (writer, message) =>
            {
                WriteShard(writer, message.Shard);
                writer.Text(text(message));
            },
            (ref reader) => make(ReadShard(ref reader), reader.Text()));
}
