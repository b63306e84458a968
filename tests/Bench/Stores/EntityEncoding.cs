using System.Buffers.Binary;
using System.Text;

namespace EntityActors.Bench.Stores;

/// <summary>Value of an entity in the peers: tag count, tags with their length, content.</summary>
internal static class EntityEncoding
{
    public static byte[] Encode(BenchEntity entity)
    {
        var size = 1 + entity.Content.Length;
        foreach (var tag in entity.Tags) size += 2 + tag.Length;
        var bytes = new byte[size];
        bytes[0] = (byte)entity.Tags.Length;
        var at = 1;
        foreach (var tag in entity.Tags)
        {
            BinaryPrimitives.WriteUInt16LittleEndian(bytes.AsSpan(at), (ushort)tag.Length);
            at += 2 + Encoding.ASCII.GetBytes(tag, bytes.AsSpan(at + 2));
        }

        entity.Content.Span.CopyTo(bytes.AsSpan(at));
        return bytes;
    }

    public static int ContentLength(ReadOnlySpan<byte> value)
    {
        var at = 1;
        for (var i = 0; i < value[0]; i++) at += 2 + BinaryPrimitives.ReadUInt16LittleEndian(value[at..]);
        return value.Length - at;
    }
}
