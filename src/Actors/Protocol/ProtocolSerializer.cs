using System.Runtime.Serialization;
using Akka.Actor;
using Akka.Serialization;
using EntityActors.Actors.Transfers;
using EntityActors.Storage.Format;

namespace EntityActors.Actors.Protocol;

/// <summary>Hand-written binary layouts of commands, queries, replies and the event, each under a manifest of its own.</summary>
/// <remarks>
/// A type or manifest that is not in the table is refused in both directions; nothing is ever looked up by type name. Envelopes are packed here, when they
/// leave the process, and opened when they arrive (<see cref="Packing"/>).
/// </remarks>
public sealed class ProtocolSerializer(ExtendedActorSystem system) : SerializerWithStringManifest(system)
{
    /// <summary>Part of the wire format and of the commit log: never changes.</summary>
    public const int SerializerId = 1701;

    private static readonly Dictionary<Type, MessageCodec> ByType = ProtocolCodecs.All.ToDictionary(static codec => codec.Type);

    private static readonly Dictionary<string, MessageCodec> ByManifest =
        ProtocolCodecs.All.ToDictionary(static codec => codec.Manifest, StringComparer.Ordinal);

    private readonly Packing _packing = new(system);

    public override int Identifier => SerializerId;

    public static IReadOnlyCollection<Type> Types => ByType.Keys;

    /// <exception cref="SerializationException">The type is not registered.</exception>
    public override string Manifest(object o) => CodecOf(Packing.Enclose(o)).Manifest;

    /// <exception cref="SerializationException">The type is not registered.</exception>
    public override byte[] ToBinary(object obj)
    {
        var message = _packing.Pack(Packing.Enclose(obj));
        return Write(CodecOf(message), message).ToArray();
    }

    /// <exception cref="SerializationException">The manifest is not registered, or the bytes do not follow their layout.</exception>
    public override object FromBinary(byte[] bytes, string manifest) => _packing.Unpack(Read(manifest, bytes));

    /// <summary>A message as it is, outside of an envelope.</summary>
    /// <returns>Null when its type is not in the table.</returns>
    internal static ReadOnlyMemory<byte>? TryWrite(object message, out string manifest)
    {
        if (!ByType.TryGetValue(message.GetType(), out var codec))
        {
            manifest = "";
            return null;
        }

        manifest = codec.Manifest;
        return Write(codec, message);
    }

    /// <exception cref="SerializationException">The manifest is not registered, or the bytes do not follow their layout.</exception>
    internal static object Read(string manifest, ReadOnlySpan<byte> bytes)
    {
        if (!ByManifest.TryGetValue(manifest, out var codec))
            throw new SerializationException($"no message has the manifest '{manifest}'");
        try
        {
            var reader = new ByteReader(bytes);
            var message = codec.Read(ref reader);
            if (!codec.MayGrow) reader.End();
            return message;
        }
        catch (MalformedBytesException cause)
        {
            throw new SerializationException($"bytes of {codec.Type.Name}: {cause.Message}", cause);
        }
    }

    private static ReadOnlyMemory<byte> Write(MessageCodec codec, object message)
    {
        var writer = new ByteWriter();
        codec.Write(writer, message);
        return writer.WrittenMemory;
    }

    private static MessageCodec CodecOf(object message) => ByType.TryGetValue(message.GetType(), out var codec)
        ? codec
        : throw new SerializationException($"{message.GetType()} is not a message of the protocol");
}
