using System.Runtime.Serialization;
using Akka.Actor;
using EntityActors.Actors.Protocol;
using EntityActors.Storage.Model;

namespace EntityActors.Actors.Transfers;

/// <summary>Puts messages into envelopes when they leave the process, and takes them out when they arrive. Thread-safe.</summary>
/// <remarks>
/// It is part of the serializer because only there it is known that a message leaves: what stays in the process is neither packed nor copied, and every
/// hop (region, relay) is treated alike, without knowing of it.
/// </remarks>
internal sealed class Packing(ExtendedActorSystem system)
{
    private readonly Lazy<TransferLimits> _limits = new(() => TransferLimits.From(system.Settings.Config));
    private readonly Lazy<AdministrativeSerializer> _administration = new(() => new AdministrativeSerializer(system));

    /// <summary>The form in which a message travels.</summary>
    public static object Enclose(object message) => message is ExecuteCommand or ExecuteTransaction
        ? new ShardCall(((IShardRequest)message).Shard, new Carried.Whole(message), TakesReference: false)
        : message;

    /// <summary>The same envelope with bytes, or with a reference to them, in place of a message.</summary>
    public object Pack(object envelope) => envelope switch
    {
        ShardCall { Body: Carried.Whole whole } call => call with { Body = Pack(call.Shard, whole.Message) },
        ShardAnswer { Body: Carried.Whole whole } answer => new ShardAnswer(answer.Shard, Pack(answer.Shard, whole.Message)),
        _ => envelope,
    };

    /// <exception cref="SerializationException">The envelope carries what it must not, or bytes that cannot be read.</exception>
    public object Unpack(object envelope) => envelope switch
    {
        ShardCall { Body: Carried.Packed packed } call => Unpack(call, Open(packed)),
        ShardAnswer { Body: Carried.Packed packed } answer => new ShardAnswer(answer.Shard, new Carried.Whole(Open(packed))),
        ShardAnswer { Body: Carried.Elsewhere } answer => new ShardAnswer(answer.Shard, answer.Body, ContentTransfers.Of(system)),
        _ => envelope,
    };

    /// <returns>The message, or null when the bytes are none.</returns>
    public object? TryOpen(PackedKind kind, string manifest, ReadOnlyMemory<byte> bytes, out string why)
    {
        try
        {
            why = "";
            return Open(new Carried.Packed(kind, manifest, bytes));
        }
        catch (SerializationException failure)
        {
            why = failure.Message;
            return null;
        }
    }

    private static object Unpack(ShardCall call, object message)
    {
        var isRight = message switch
        {
            IShardRequest request => request.Shard == call.Shard,
            ShardFault => true,
            _ => false,
        };
        if (!isRight) throw new SerializationException($"a call of shard {call.Shard} carries {message.GetType()} or one of another shard");
        return message is IShardRequest && !call.TakesReference ? message : call with { Body = new Carried.Whole(message) };
    }

    private Carried Pack(ShardId shard, object message)
    {
        var limits = _limits.Value;
        var packed = PackWhole(message);
        if (packed.Bytes.Length <= limits.WholeBytesMax) return packed;
        if (packed.Bytes.Length > limits.MessageBytesMax)
            return PackWhole(new ShardFault.InvalidQuery(shard, $"{packed.Bytes.Length} bytes: messages between nodes have at most {limits.MessageBytesMax}"));
        return ContentTransfers.Of(system).TryOffer(message, packed) is { } elsewhere
            ? elsewhere
            : PackWhole(new ShardFault.Busy(shard, "large messages wait to be fetched", limits.RetryAfter));
    }

    private Carried.Packed PackWhole(object message) => ProtocolSerializer.TryWrite(message, out var manifest) is { } bytes
        ? new Carried.Packed(PackedKind.Protocol, manifest, bytes)
        : new Carried.Packed(PackedKind.Administration, _administration.Value.Manifest(message), _administration.Value.ToBinary(message));

    private object Open(Carried.Packed packed)
    {
        var message = packed.Kind == PackedKind.Protocol
            ? ProtocolSerializer.Read(packed.Manifest, packed.Bytes.Span)
            : _administration.Value.FromBinary(packed.Bytes.ToArray(), packed.Manifest);
        return message is ShardCall or ShardAnswer ? throw new SerializationException("an envelope in an envelope") : message;
    }
}
