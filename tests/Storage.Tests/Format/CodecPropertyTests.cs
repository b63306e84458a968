using System.Collections.Immutable;
using CsCheck;
using EntityActors.Storage.Format;
using EntityActors.Storage.Indexes;
using EntityActors.Storage.Model;
using EntityActors.Storage.Shards;
using Xunit;

namespace EntityActors.Storage.Tests.Format;

/// <summary>What is written reads back to the same bytes; anything else is a value or a typed error, at a bounded cost.</summary>
public sealed class CodecPropertyTests
{
    private const long AllocatedBytesMax = 64L * 1024 * 1024;

    private static readonly Gen<string> Texts = Gen.String[Gen.Char['\u0000', '\u07FF'], 0, 20];
    private static readonly Gen<ImmutableArray<Tag>> TagLists =
        Gen.Select(Texts, Texts, static (name, value) => new Tag($"{name}:{value}")).Array[0, 5].Select(static tags => TagSet.Normalize(tags));
    private static readonly Gen<Content?> Contents = Gen.OneOf(
        Gen.Const((Content?)null), Gen.Const((Content?)Content.Cleared),
        Gen.Select(Texts, Gen.Byte.Array[0, 60], static (type, bytes) => (Content?)new Content("x/" + type, bytes)));

    private static readonly Gen<Change> Changes =
        from key in Gen.Select(Texts, Texts)
        from numbers in Gen.Select(Gen.UInt, Gen.Long[0, long.MaxValue], Gen.Long[0, long.MaxValue], Gen.UInt, Gen.ULong)
        from times in Gen.Select(Gen.Long, Gen.Long, Gen.Bool)
        from tags in Gen.Select(TagLists, TagLists)
        from rest in Gen.Select(Texts, Gen.Int[1, 4], Contents, Gen.Long[0, long.MaxValue])
        select new Change(new EntityKey(key.Item1, key.Item2), numbers.Item1, numbers.Item2, new SequenceNumber(numbers.Item3),
            new Timestamp(times.Item3 ? times.Item1 : times.Item2), new Timestamp(times.Item2), numbers.Item4,
            new CommandId(((UInt128)numbers.Item5 << 64) | (ulong)times.Item1), numbers.Item5, rest.Item1, tags.Item1, tags.Item2,
            (Lifecycle)rest.Item2, rest.Item4, rest.Item3) { ExpiresAt = times.Item3 ? null : new Timestamp(times.Item1) };

    private static readonly Gen<ChangeBatch> Batches = Gen.Select(Gen.Long[0, long.MaxValue], Gen.Long[0, long.MaxValue], Changes.Array[1, 4],
        static (epoch, sequence, changes) => new ChangeBatch(new Epoch(epoch), new SequenceNumber(sequence), [.. changes]));

    private static readonly Gen<OrdinalSet> Sets = Gen.Select(Gen.UInt[0, 200_000].Array[0, 300], Gen.UInt[0, 70_000], Gen.Int[0, 6000],
        static (few, start, run) => new OrdinalSet(few.Concat(Enumerable.Range(0, run).Select(i => start + (uint)i))));

    [Fact]
    public void A_batch_reads_back_to_the_same_bytes() => Batches.Sample(static batch =>
    {
        var bytes = ChangeCodec.WriteBatch(batch);
        return ChangeCodec.WriteBatch(ChangeCodec.ReadBatch(bytes)).AsSpan().SequenceEqual(bytes);
    }, iter: 500);

    [Fact]
    public void A_spoiled_batch_is_a_batch_or_malformed() => Spoiled(Batches.Select(ChangeCodec.WriteBatch)).Sample(static bytes =>
        IsBounded(() => ChangeCodec.ReadBatch(bytes)), iter: 4000);

    [Fact]
    public void A_set_of_ordinals_reads_back_and_a_spoiled_one_is_a_set_or_malformed()
    {
        Sets.Sample(static set =>
        {
            var bytes = BytesOf(set);
            var reader = new ByteReader(bytes);
            var again = OrdinalSet.Read(ref reader);
            return reader.IsAtEnd && BytesOf(again).AsSpan().SequenceEqual(bytes);
        }, iter: 100);
        Spoiled(Sets.Select(BytesOf)).Sample(static bytes => IsBounded(() =>
        {
            var reader = new ByteReader(bytes);
            return OrdinalSet.Read(ref reader);
        }), iter: 400);
    }

    [Fact]
    public void Random_bytes_are_no_header_and_nothing_but_a_typed_error() => Spoiled(Gen.Byte.Array[0, 400]).Sample(static bytes =>
    {
        try
        {
            _ = ShardHeader.Decode(bytes, "a header");
            return false;
        }
        catch (CorruptDataException)
        {
            return true;
        }
    }, iter: 2000);

    [Fact]
    public void A_header_that_vouches_for_wrong_bytes_is_a_header_or_a_typed_error()
    {
        var header = ShardHeader.Over(new ShardId(3), new Epoch(2), 5, default, new Timestamp(100), 7, 9, []).Encode();
        Gen.Select(Gen.Int[16, header.Length - 1], Gen.Byte).Array[1, 3].Sample(changes =>
        {
            var bytes = header.ToArray();
            foreach (var (at, value) in changes) bytes[at] = value;
            bytes.AsSpan(12, 4).Clear();
            System.Buffers.Binary.BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(12), Crc32C.Compute(bytes));
            return IsBounded(() => ShardHeader.Decode(bytes, "a header"));
        }, iter: 4000);
    }

    // A few bytes changed, cut off, or put in front.
    private static Gen<byte[]> Spoiled(Gen<byte[]> whole) =>
        Gen.Select(whole, Gen.Select(Gen.Int[0, int.MaxValue - 1], Gen.Byte).Array[0, 4], Gen.Int[0, 3], static (bytes, changes, kind) =>
        {
            var spoiled = bytes.ToArray();
            foreach (var (at, value) in changes)
            {
                if (spoiled.Length > 0) spoiled[at % spoiled.Length] = value;
            }

            return kind switch
            {
                0 when changes.Length > 0 && spoiled.Length > 0 => spoiled[..(changes[0].Item1 % spoiled.Length)],
                1 => [0xFF, .. spoiled],
                _ => spoiled,
            };
        });

    private static bool IsBounded<T>(Func<T> read)
    {
        var before = GC.GetAllocatedBytesForCurrentThread();
        try
        {
            _ = read();
        }
        catch (StoreException cause) when (cause is MalformedBytesException or CorruptDataException)
        {
        }

        return GC.GetAllocatedBytesForCurrentThread() - before < AllocatedBytesMax;
    }

    private static byte[] BytesOf(OrdinalSet set)
    {
        var writer = new ByteWriter();
        set.Write(writer);
        return writer.ToArray();
    }
}
