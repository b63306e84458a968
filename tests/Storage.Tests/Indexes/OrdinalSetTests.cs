using EntityActors.Storage.Format;
using EntityActors.Storage.Indexes;
using Xunit;

namespace EntityActors.Storage.Tests.Indexes;

public sealed class OrdinalSetTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    [InlineData(5)]
    [InlineData(6)]
    public void Behaves_like_a_sorted_set(int seed)
    {
        var random = new Random(seed);
        var (left, leftModel) = Make(random);
        for (var round = 0; round < 12; round++)
        {
            var (right, rightModel) = Make(random);
            switch (random.Next(3))
            {
                case 0:
                    left.Or(right);
                    leftModel.UnionWith(rightModel);
                    break;
                case 1 when round % 4 == 0:
                    left.And(right);
                    leftModel.IntersectWith(rightModel);
                    break;
                default:
                    left.AndNot(right);
                    leftModel.ExceptWith(rightModel);
                    break;
            }

            Check(left, leftModel, seed);
            Check(right, rightModel, seed);
            for (var i = 0; i < 500; i++)
            {
                var ordinal = (uint)random.Next(200_000);
                if (random.Next(2) == 0) Assert.Equal(leftModel.Add(ordinal), left.Add(ordinal));
                else Assert.Equal(leftModel.Remove(ordinal), left.Remove(ordinal));
            }

            Check(left, leftModel, seed);
        }
    }

    [Fact]
    public void Highest_ordinal_is_a_member_like_any_other()
    {
        var set = new OrdinalSet([uint.MaxValue, 0]);
        Assert.Equal([0, uint.MaxValue], set.From(0));
        Assert.Equal([uint.MaxValue], set.From(uint.MaxValue));
    }

    [Fact]
    public void Every_truncation_of_the_bytes_is_refused()
    {
        var writer = new ByteWriter();
        new OrdinalSet([1, 5, 70_000]).Write(writer);
        for (var length = 0; length < writer.Length; length++)
        {
            var bytes = writer.Written[..length].ToArray();
            Assert.Throws<MalformedBytesException>(() =>
            {
                var reader = new ByteReader(bytes);
                OrdinalSet.Read(ref reader);
            });
        }
    }

    private static void Check(OrdinalSet set, SortedSet<uint> model, int seed)
    {
        Assert.True(set.Count == model.Count && set.IsEmpty == (model.Count == 0), $"seed {seed}: count {set.Count}, not {model.Count}");
        Assert.True(set.From(0).SequenceEqual(model), $"seed {seed}: members differ");
        Assert.True(set.From(70_001).SequenceEqual(model.Where(ordinal => ordinal >= 70_001)), $"seed {seed}: members from 70,001 differ");
        var writer = new ByteWriter();
        set.Write(writer);
        var reader = new ByteReader(writer.Written);
        Assert.True(OrdinalSet.Read(ref reader).From(0).SequenceEqual(model), $"seed {seed}: the bytes differ");
        Assert.True(reader.IsAtEnd);
    }

    private static (OrdinalSet Set, SortedSet<uint> Model) Make(Random random)
    {
        var model = new SortedSet<uint>();
        var (count, span) = (random.Next(9_000), random.Next(1, 200_000));
        for (var i = 0; i < count; i++) model.Add((uint)random.Next(span));
        return (new OrdinalSet(model.OrderBy(_ => random.Next())), model);
    }
}
