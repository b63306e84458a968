using System.Buffers.Text;
using EntityActors.Actors.Client;
using EntityActors.Actors.Feeds;
using EntityActors.Storage.Model;
using EntityActors.Tests.Shared;
using Xunit;

namespace EntityActors.Actors.Tests.Feeds;

public sealed class FeedCursorTests
{
    [Fact]
    public void A_cursor_holds_the_position_of_every_shard()
    {
        var random = SeedSource.For(SeedSource.Next(), 0);
        for (var run = 0; run < 200; run++)
        {
            var shards = random.Next(1, 200);
            var cursor = FeedCursor.At(default, shards, null);
            var expected = new Timestamp[shards];
            for (var i = 0; i < shards; i++)
            {
                expected[i] = new Timestamp(random.Next(3) == 0 ? 0 : random.NextInt64());
                cursor = cursor.With(new ShardId(i), expected[i]);
            }

            var (moved, position) = (random.Next(shards), new Timestamp(random.NextInt64()));
            var again = FeedCursor.Decode(cursor.Encode(new ShardId(moved), position), shards, null);
            expected[moved] = position;
            Assert.Equal(expected, again.Shards().Select(again.Of));
            Assert.Equal(again.Encode(), FeedCursor.Decode(again.Encode(), shards, null).Encode());
            Assert.Equal(position, FeedCursor.Decode(again.Encode(), shards, new ShardId(moved)).Of(new ShardId(moved)));
        }
    }

    [Fact]
    public void A_cursor_that_was_changed_or_is_of_other_shards_is_refused()
    {
        var cursor = FeedCursor.At(new Timestamp(1_700_000_000_123_456_789), 64, null).With(new ShardId(5), new Timestamp(77)).Encode();
        var bytes = Base64Url.DecodeFromChars(cursor);
        for (var i = 0; i < bytes.Length * 8; i++)
        {
            var flipped = (byte[])bytes.Clone();
            flipped[i / 8] ^= (byte)(1 << (i % 8));
            Assert.Throws<InvalidQueryException>(() => FeedCursor.Decode(Base64Url.EncodeToString(flipped), 64, null));
        }

        for (var length = 0; length < cursor.Length; length++)
        {
            var cut = cursor[..length];
            Assert.Throws<InvalidQueryException>(() => FeedCursor.Decode(cut, 64, null));
        }

        Assert.Throws<InvalidQueryException>(() => FeedCursor.Decode(cursor, 32, null));
        Assert.Throws<InvalidQueryException>(() => FeedCursor.Decode(new string('A', 1_000_000), 64, null));
        var one = FeedCursor.At(new Timestamp(5), 64, new ShardId(7)).Encode();
        Assert.Equal(new Timestamp(5), FeedCursor.Decode(one, 64, new ShardId(7)).Of(new ShardId(7)));
        Assert.Throws<InvalidQueryException>(() => FeedCursor.Decode(one, 64, null));
        Assert.Throws<InvalidQueryException>(() => FeedCursor.Decode(one, 64, new ShardId(8)));
    }
}
