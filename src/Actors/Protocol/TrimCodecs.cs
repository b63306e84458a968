using EntityActors.Storage.Model;
using static EntityActors.Actors.Protocol.ModelCodec;

namespace EntityActors.Actors.Protocol;

/// <summary>Messages of trimmed histories: version 4 of the protocol.</summary>
/// <remarks>The rules are those of <see cref="ProtocolCodecs"/>.</remarks>
internal static class TrimCodecs
{
    public static IEnumerable<MessageCodec> All()
    {
        yield return MessageCodec.Of<LookAtHistory>("q40",
            static (writer, message) =>
            {
                WriteShard(writer, message.Shard);
                writer.Text(message.Dataset);
                WriteTime(writer, message.Before);
                writer.VarUInt(message.KeepChanges);
                writer.VarUInt(message.FromOrdinal);
                writer.VarUInt(message.Limit);
            },
            static (ref reader) => new LookAtHistory(
                ReadShard(ref reader), reader.Text(), ReadTime(ref reader), reader.VarLong(), reader.VarUInt32(), reader.VarUInt31()));
        yield return MessageCodec.Of<TrimHistory>("q41",
            static (writer, message) =>
            {
                WriteShard(writer, message.Shard);
                writer.Text(message.Dataset);
                WriteTime(writer, message.Before);
                writer.VarUInt(message.KeepChanges);
                writer.UInt128(message.Id.Value);
                writer.Text(message.Author);
            },
            static (ref reader) => new TrimHistory(
                ReadShard(ref reader), reader.Text(), ReadTime(ref reader), reader.VarLong(), new CommandId(reader.UInt128()), reader.Text()));
        yield return MessageCodec.Of<HistoryLooked>("r40",
            static (writer, message) =>
            {
                WriteShard(writer, message.Shard);
                WriteTime(writer, message.Horizon);
                writer.VarUInt(message.Entities);
                writer.VarUInt(message.Changes);
                writer.VarUInt(message.All);
                WriteFlag(writer, message.Next is not null);
                if (message.Next is { } next) writer.VarUInt(next);
            },
            static (ref reader) => new HistoryLooked(ReadShard(ref reader), ReadTime(ref reader), reader.VarLong(), reader.VarLong(), reader.VarLong(),
                ReadFlag(ref reader) ? reader.VarUInt32() : null));
        yield return MessageCodec.Of<ShardFault.HistoryTrimmed>("f6",
            static (writer, message) =>
            {
                WriteShard(writer, message.Shard);
                WriteTime(writer, message.Earliest);
            },
            static (ref reader) => new ShardFault.HistoryTrimmed(ReadShard(ref reader), ReadTime(ref reader)));
        yield return MessageCodec.Of<ShardFault.CursorExpired>("f7",
            static (writer, message) =>
            {
                WriteShard(writer, message.Shard);
                WriteTime(writer, message.Earliest);
            },
            static (ref reader) => new ShardFault.CursorExpired(ReadShard(ref reader), ReadTime(ref reader)));
    }
}
