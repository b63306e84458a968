using EntityActors.Storage.Indexes;
using EntityActors.Storage.Model;
using EntityActors.Storage.Segments;
using Xunit;

namespace EntityActors.Storage.Tests.Segments;

public sealed class SegmentSetTests
{
    [Fact]
    public void A_replaced_segment_closes_after_its_last_reader()
    {
        using var fixture = new SegmentFixture();
        var history = new History(new Random(4));
        for (var i = 0; i < 200; i++) history.Step(keys: 10);
        var half = history.Recorded.Count / 2;
        var first = fixture.Open(fixture.Write(history, 0, half));
        var second = fixture.Open(fixture.Write(history, half, history.Recorded.Count));
        var old = SegmentSet.Of([first, second]);
        var merged = fixture.Open(fixture.Write(SegmentMerger.Merge([first, second], new Erasure(new OrdinalSet()))));
        Assert.True(old.TryAcquire());
        var current = old.Replace([first.Info.Id, second.Info.Id], merged);
        old.Dispose();
        File.Delete(fixture.PathOf(first.Info.Id));
        Assert.False(first.IsClosed);
        foreach (var (key, changes) in history.Changes)
            SegmentFixture.SameChanges(changes, old.ReadChanges(key, 1, long.MaxValue), key.ToString());
        old.Release();
        Assert.True(first.IsClosed && second.IsClosed);
        Assert.False(old.TryAcquire());
        Assert.False(merged.IsClosed);
        current.Dispose();
        Assert.True(merged.IsClosed);
    }

    [Fact]
    public void Segments_that_stay_are_shared_by_both_sets()
    {
        using var fixture = new SegmentFixture();
        var history = new History(new Random(5));
        for (var i = 0; i < 100; i++) history.Step(keys: 10);
        var first = fixture.Open(fixture.Write(history, 0, 30));
        var second = fixture.Open(fixture.Write(history, 30, history.Recorded.Count));
        var old = SegmentSet.Empty.Replace([], first);
        var current = old.Replace([], second);
        Assert.Equal(2, current.Segments.Length);
        Assert.Same(first, current.Segments[0]);
        Assert.Same(second, current.Segments[1]);
        old.Dispose();
        Assert.False(first.IsClosed);
        current.Dispose();
        Assert.True(first.IsClosed && second.IsClosed);
        Assert.True(SegmentSet.Empty.TryAcquire());
    }

    [Fact]
    public void Only_neighbours_can_be_replaced()
    {
        using var fixture = new SegmentFixture();
        var history = new History(new Random(6));
        for (var i = 0; i < 100; i++) history.Step(keys: 10);
        using var set = SegmentSet.Of([fixture.Open(fixture.Write(history, 0, 10)), fixture.Open(fixture.Write(history, 10, 20)),
            fixture.Open(fixture.Write(history, 20, 30))]);
        Assert.Throws<InvariantViolationException>(() => set.Replace([set.Segments[0].Info.Id, set.Segments[2].Info.Id], null));
        Assert.Throws<InvariantViolationException>(() => set.Replace([new SegmentId(new Epoch(9), 9)], null));
    }
}
