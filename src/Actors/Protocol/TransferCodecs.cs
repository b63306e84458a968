using EntityActors.Storage.Format;
using EntityActors.Storage.Model;
using static EntityActors.Actors.Protocol.ModelCodec;

namespace EntityActors.Actors.Protocol;

/// <summary>Envelopes, and the chunks of what does not travel in them, on the wire.</summary>
internal static class TransferCodecs
{
    private const byte PackedMark = 1;
    private const byte ElsewhereMark = 2;

    public static IEnumerable<MessageCodec> All()
    {
        yield return MessageCodec.Of<ShardCall>("q14",
            static (writer, message) =>
            {
                WriteShard(writer, message.Shard);
                WriteFlag(writer, message.TakesReference);
                WriteCarried(writer, message.Body);
            },
            static (ref reader) =>
            {
                var (shard, takesReference) = (ReadShard(ref reader), ReadFlag(ref reader));
                return new ShardCall(shard, ReadCarried(ref reader), takesReference);
            });
        yield return MessageCodec.Of<ShardAnswer>("r9",
            static (writer, message) =>
            {
                WriteShard(writer, message.Shard);
                WriteCarried(writer, message.Body);
            },
            static (ref reader) => new ShardAnswer(ReadShard(ref reader), ReadCarried(ref reader)));
        yield return MessageCodec.Of<FetchChunk>("t1",
            static (writer, message) =>
            {
                writer.UInt128(message.Id);
                writer.VarUInt(message.Offset);
                writer.VarUInt(message.Length);
            },
            static (ref reader) => new FetchChunk(reader.UInt128(), reader.VarUInt31(), reader.VarUInt31()));
        yield return MessageCodec.Of<TransferChunk>("t2",
            static (writer, message) =>
            {
                writer.UInt128(message.Id);
                writer.VarUInt(message.Offset);
                writer.Block(message.Bytes.Span);
            },
            static (ref reader) => new TransferChunk(reader.UInt128(), reader.VarUInt31(), reader.Block().ToArray()));
        yield return MessageCodec.Of<TransferGone>("t3",
            static (writer, message) => writer.UInt128(message.Id),
            static (ref reader) => new TransferGone(reader.UInt128()));
    }

    private static void WriteCarried(ByteWriter writer, Carried carried)
    {
        switch (carried)
        {
            case Carried.Packed packed:
                writer.Byte(PackedMark);
                writer.Byte((byte)packed.Kind);
                writer.Text(packed.Manifest);
                writer.Block(packed.Bytes.Span);
                break;
            case Carried.Elsewhere away:
                writer.Byte(ElsewhereMark);
                writer.Byte((byte)away.Kind);
                writer.Text(away.Manifest);
                writer.Text(away.Owner);
                writer.UInt128(away.Id);
                writer.VarUInt(away.Length);
                writer.UInt32(away.Checksum);
                break;
            default:
                throw new InvariantViolationException("an envelope is packed before it is written");
        }
    }

    private static Carried ReadCarried(ref ByteReader reader)
    {
        var mark = reader.Byte();
        var (kind, manifest) = (ReadKind(ref reader), reader.Text());
        if (mark == PackedMark) return new Carried.Packed(kind, manifest, reader.Block().ToArray());
        if (mark != ElsewhereMark) throw new MalformedBytesException($"envelope mark {mark}");
        var (owner, id) = (reader.Text(), reader.UInt128());
        return new Carried.Elsewhere(owner, id, reader.VarUInt31(), reader.UInt32(), kind, manifest);
    }

    private static PackedKind ReadKind(ref ByteReader reader)
    {
        var kind = (PackedKind)reader.Byte();
        return Enum.IsDefined(kind) ? kind : throw new MalformedBytesException($"serializer {(int)kind}");
    }
}
