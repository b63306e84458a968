using System.Buffers.Binary;
using System.Collections.Immutable;
using System.IO.Hashing;
using System.Text;

namespace EntityActors.Storage.Model;

/// <summary>Hash of everything a command asks for. Two commands with one id and different fingerprints are different requests.</summary>
public static class CommandFingerprint
{
    public static ulong Of(EntityCommand command)
    {
        var hash = new XxHash64();
        Add(hash, command.Key.Dataset);
        Add(hash, command.Key.Id);
        Add(hash, command.At?.Nanoseconds ?? 0);
        Add(hash, (long)command.Condition.Kind);
        Add(hash, command.Condition.Revision);
        switch (command)
        {
            case PutEntity put:
                Add(hash, 1);
                Add(hash, put.Tags);
                Add(hash, put.Content);
                Add(hash, put.Expiry);
                break;
            case ChangeTags change:
                Add(hash, 2);
                Add(hash, change.Add);
                Add(hash, change.Remove);
                Add(hash, change.Expiry);
                break;
            case PutContent put:
                Add(hash, 3);
                Add(hash, put.Content);
                break;
            case DeleteEntity:
                Add(hash, 4);
                break;
            case RestoreEntity:
                Add(hash, 5);
                break;
            case ArchiveEntity:
                Add(hash, 6);
                break;
            case PurgeEntity:
                Add(hash, 7);
                break;
            default:
                throw new InvariantViolationException($"unknown command {command.GetType()}");
        }

        return hash.GetCurrentHashAsUInt64();
    }

    /// <summary>Of a transaction: the same for each of its changes, and another one than any of its commands has alone.</summary>
    public static ulong Of(EntityTransaction transaction)
    {
        var hash = new XxHash64();
        Add(hash, transaction.Operations.Length);
        foreach (var operation in transaction.Operations) Add(hash, (long)Of(operation));
        return hash.GetCurrentHashAsUInt64();
    }

    private static void Add(XxHash64 hash, ImmutableArray<Tag> tags)
    {
        Add(hash, tags.Length);
        foreach (var tag in tags) Add(hash, tag.Text);
    }

    private static void Add(XxHash64 hash, Content? content)
    {
        Add(hash, content is null ? 0 : 1);
        if (content is null) return;
        Add(hash, content.ContentType ?? "");
        Add(hash, content.Length);
        if (content.Blob is { } blob) AddHash(hash, blob.Hash);
        else hash.Append(content.Bytes.Span);
    }

    // Not the blob's id: the same bytes sent again stand in another file.
    private static void AddHash(XxHash64 hash, UInt128 number)
    {
        Add(hash, (long)(ulong)(number >> 64));
        Add(hash, (long)(ulong)number);
    }

    private static void Add(XxHash64 hash, Expiry? expiry)
    {
        // Nothing where there is none: ids that were used before there were expiries are still known.
        if (expiry is not { } given) return;
        Add(hash, 8);
        Add(hash, given.At?.Nanoseconds ?? 0);
        Add(hash, given.After?.Ticks ?? 0);
    }

    private static void Add(XxHash64 hash, string text)
    {
        Span<byte> bytes = stackalloc byte[1024];
        var count = Encoding.UTF8.GetByteCount(text);
        if (count > bytes.Length) bytes = new byte[count];
        Encoding.UTF8.GetBytes(text, bytes);
        Add(hash, count);
        hash.Append(bytes[..count]);
    }

    private static void Add(XxHash64 hash, long number)
    {
        Span<byte> bytes = stackalloc byte[sizeof(long)];
        BinaryPrimitives.WriteInt64LittleEndian(bytes, number);
        hash.Append(bytes);
    }
}
