using EntityActors.Storage.Format;

namespace EntityActors.Actors.Protocol;

/// <summary>Reads one message; a delegate of its own because a <see cref="ByteReader"/> lives on the stack.</summary>
internal delegate T ReadMessage<out T>(ref ByteReader reader);

/// <summary>How one message type stands on the wire, under a manifest that is never reused for another layout.</summary>
internal abstract class MessageCodec(string manifest, Type type)
{
    public string Manifest { get; } = manifest;

    public Type Type { get; } = type;

    /// <summary>
    /// Whether fields may come behind those that this version knows: they are passed over, and those that an older version left out are read as
    /// their default. Never a request or an event: a node that passed over a part of a change would do another one. It refuses them instead.
    /// </summary>
    public bool MayGrow { get; } = manifest[0] is 'r' or 'f';

    public abstract void Write(ByteWriter writer, object message);

    public abstract object Read(ref ByteReader reader);

    public static MessageCodec Of<T>(string manifest, Action<ByteWriter, T> write, ReadMessage<T> read)
        where T : class => new Typed<T>(manifest, write, read);

    private sealed class Typed<T>(string manifest, Action<ByteWriter, T> write, ReadMessage<T> read)
        : MessageCodec(manifest, typeof(T))
        where T : class
    {
        public override void Write(ByteWriter writer, object message) => write(writer, (T)message);

        public override object Read(ref ByteReader reader) => read(ref reader);
    }
}
