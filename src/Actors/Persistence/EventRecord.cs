using System.Runtime.Serialization;
using Akka.Actor;
using EntityActors.Storage.Format;
using EntityActors.Storage.Model;

namespace EntityActors.Actors.Persistence;

/// <summary>Body of a commit-log record: serializer id (4 bytes), manifest (length and UTF-8), then the serialized event.</summary>
internal static class EventRecord
{
    /// <exception cref="SerializationException">The event's type is not bound to a serializer.</exception>
    public static byte[] Encode(ExtendedActorSystem system, object payload)
    {
        // Within the transport's scope, so that an actor reference inside an event is written with its full address.
        return Akka.Serialization.Serialization.WithTransport(system, (system, payload), static state =>
        {
            var serializer = state.system.Serialization.FindSerializerFor(state.payload);
            var writer = new ByteWriter();
            writer.UInt32((uint)serializer.Identifier);
            writer.Text(Akka.Serialization.Serialization.ManifestFor(serializer, state.payload));
            writer.Bytes(serializer.ToBinary(state.payload));
            return writer.ToArray();
        });
    }

    /// <exception cref="CorruptDataException">The bytes are not an event that this program knows.</exception>
    public static object Decode(ExtendedActorSystem system, ShardId shard, SequenceNumber sequence, ReadOnlySpan<byte> body)
    {
        try
        {
            var reader = new ByteReader(body);
            var serializer = (int)reader.UInt32();
            var manifest = reader.Text();
            var payload = reader.Bytes(reader.Remaining).ToArray();
            return Akka.Serialization.Serialization.WithTransport(system, (system, payload, serializer, manifest),
                static state => state.system.Serialization.Deserialize(state.payload, state.serializer, state.manifest));
        }
        catch (Exception cause) when (cause is SerializationException or MalformedBytesException)
        {
            throw new CorruptDataException($"commit log of shard {shard}", 0, $"event {sequence}", cause.Message);
        }
    }
}
