using EntityActors.Storage.Format;
using EntityActors.Storage.Model;
using static EntityActors.Actors.Protocol.ModelCodec;

namespace EntityActors.Actors.Protocol;

/// <summary>Messages of transactions, lists of datasets, sorted queries and relations: version 3 of the protocol. The rules are those of <see cref="ProtocolCodecs"/>.</summary>
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
    }

    private static EntityTransaction ReadTransaction(ref ByteReader reader)
    {
        var operations = ReadMany(ref reader, ReadCommand);
        return operations.IsEmpty ? throw new MalformedBytesException("a transaction without operations") : new EntityTransaction(operations);
    }
}
