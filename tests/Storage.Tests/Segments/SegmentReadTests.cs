using EntityActors.Storage.Indexes;
using EntityActors.Storage.Model;
using EntityActors.Storage.Segments;
using Xunit;

namespace EntityActors.Storage.Tests.Segments;

public sealed class SegmentReadTests
{
    public static TheoryData<ulong> Seeds => new(Enumerable.Range(1, 12).Select(seed => (ulong)seed * 7919));

    [Theory]
    [MemberData(nameof(Seeds))]
    public void Reads_over_several_segments_equal_the_model(ulong seed)
    {
        var random = new Random((int)seed);
        using var fixture = new SegmentFixture();
        var history = MakeHistory(random);
        using var set = fixture.Split(history, random.Next(1, 7), random);
        foreach (var segment in set.Segments) Assert.Empty(SegmentFixture.Verify(segment));
        foreach (var (key, changes) in history.Changes)
        {
            Assert.True(set.MightContain(key));
            var head = history.State(key, Everything);
            SegmentFixture.SameHead(head, set.FindHead(key), $"seed {seed}, head of {key}");
            SegmentFixture.SameHead(head, set.FindHeadByOrdinal(head!.Ordinal), $"seed {seed}, ordinal {head.Ordinal}");
            var from = random.Next(1, changes.Count + 2);
            var to = random.Next(from, changes.Count + 3);
            SegmentFixture.SameChanges(changes.Where(change => change.Revision >= from && change.Revision <= to),
                set.ReadChanges(key, from, to), $"seed {seed}, {key} {from} to {to}");
            SegmentFixture.SameChanges(changes.Where(change => change.Revision <= to).Reverse(),
                set.ReadChangesBackward(key, to), $"seed {seed}, {key} back from {to}");
            for (var i = 0; i < 6; i++)
            {
                var asOf = history.RandomAsOf();
                var state = history.State(key, asOf);
                var context = $"seed {seed}, {key} as of {asOf}";
                SegmentFixture.SameHead(state, set.FindState(key, asOf), context);
                Assert.True((state?.Revision ?? 0) == set.FindRevision(key, asOf), context);
                if (state is null) continue;
                var expected = state.ContentRevision == 0 ? null : changes[(int)state.ContentRevision - 1].Content;
                var content = set.ReadContent(key, state.ContentRevision);
                Assert.True(expected?.ContentType == content?.ContentType, context);
                if (expected is not null) Assert.True(expected.Bytes.Span.SequenceEqual(content!.Bytes.Span), context);
            }
        }

        for (var i = 0; i < 50; i++)
        {
            var absent = new EntityKey("data", $"absent-{i}");
            Assert.Null(set.FindHead(absent));
            Assert.Null(set.FindState(absent, Everything));
            Assert.Empty(set.ReadChanges(absent, 1, long.MaxValue));
        }
    }

    [Theory]
    [MemberData(nameof(Seeds))]
    public void Tag_queries_over_memory_and_segments_equal_a_fold(ulong seed)
    {
        var random = new Random((int)seed);
        using var fixture = new SegmentFixture();
        var history = MakeHistory(random);
        var inSegments = random.Next(1, history.Recorded.Count);
        var memory = new MemoryTagIndex();
        foreach (var (before, change) in history.Recorded.Skip(inSegments)) memory.Add(before, change);
        var middle = inSegments / 2;
        using var older = fixture.Open(fixture.Write(history, 0, Math.Max(1, middle)));
        List<IPostingSource> sources = [older];
        using var newer = middle >= 1 && middle < inSegments ? fixture.Open(fixture.Write(history, middle, inSegments)) : null;
        if (newer is not null) sources.Add(newer);
        sources.Add(memory);
        for (var i = 0; i < 120; i++)
        {
            var (query, asOf) = (history.RandomQuery(), history.RandomAsOf());
            var found = TagQueryEvaluator.Evaluate(sources, query, asOf);
            Assert.True(history.Find(query, asOf).Order().SequenceEqual(found.From(0)), $"seed {seed}, {query} as of {asOf}");
        }

        for (var i = 0; i < 20; i++)
        {
            var (asOf, prefix) = (history.RandomAsOf(), random.Next(2) == 0 ? "" : "a:");
            var expected = history.CountTags("data", prefix, asOf).Select(pair => (pair.Key, pair.Value)).ToList();
            var after = expected.Count > 0 && random.Next(2) == 0 ? expected[random.Next(expected.Count)].Key : null;
            var rest = expected.Where(pair => after is null || Utf8Order.CompareTexts(pair.Key, after) > 0);
            Assert.True(rest.SequenceEqual(TagQueryEvaluator.CountTags(sources, "data", prefix, after, asOf)), $"seed {seed}, tags as of {asOf}");
        }
    }

    [Theory]
    [MemberData(nameof(Seeds))]
    public void A_merge_equals_the_segment_written_at_once(ulong seed)
    {
        var random = new Random((int)seed);
        using var fixture = new SegmentFixture();
        var history = MakeHistory(random);
        using var set = fixture.Split(history, random.Next(2, 7), random);
        var merged = fixture.Write(SegmentMerger.Merge([.. set.Segments], new Erasure(new OrdinalSet())));
        var whole = fixture.Write(history, 0, history.Recorded.Count);
        Assert.Equal(whole with { Id = merged.Id, Checksum = merged.Checksum }, merged);
        Assert.Equal(merged.NewEntityCount, set.Segments.Sum(segment => segment.Info.NewEntityCount));
        Assert.Equal(merged.TagsAddedCount, set.Segments.Sum(segment => segment.Info.TagsAddedCount));
        using var segment = fixture.Open(merged);
        Assert.Empty(SegmentFixture.Verify(segment));
        foreach (var entity in segment.ReadAll())
            SegmentFixture.SameChanges(history.Changes[entity.After.Key], entity.Changes, $"seed {seed}, {entity.After.Key}");
    }

    private static AsOf Everything => new(Timestamp.MaxValue, Timestamp.MaxValue);

    private static History MakeHistory(Random random)
    {
        var history = new History(random);
        // One key makes histories that are long enough for keyframes.
        var keys = random.Next(2) == 0 ? 1 : random.Next(1, 40);
        var steps = random.Next(60, 1200);
        for (var i = 0; i < steps; i++) history.Step(keys, random.Next(100) == 0 ? 4000 : 40);
        return history;
    }
}
