using EntityActors.Storage.Model;
using Xunit;

namespace EntityActors.Storage.Tests.Model;

public sealed class EntityRulesTests
{
    private static readonly EntityKey Key = new("demo", "a");
    private static readonly EntityLimits Limits = new() { TagCountMax = 3, ContentBytesMax = 10 };

    [Fact]
    public void A_put_replaces_tags_and_content_and_an_absent_content_clears_it()
    {
        var first = Accept(null, Put(["x:1", "y:2", "x:1"], "hello"), 10);
        Assert.Equal(["x:1", "y:2"], first.After.Tags.Select(tag => tag.Text));
        Assert.Equal(5, first.After.ContentLength);
        var second = Accept(first.After, Put(["y:2", "z:3"], null), 20);
        Assert.Equal(["z:3"], second.Change.Added.Select(tag => tag.Text));
        Assert.Equal(["x:1"], second.Change.Removed.Select(tag => tag.Text));
        Assert.Null(second.After.ContentType);
        Assert.Equal(2, second.After.ContentRevision);
        Assert.Equal(10, second.After.CreatedAt.Nanoseconds);
    }

    [Fact]
    public void A_tag_that_is_added_and_removed_at_once_is_added()
    {
        var head = Accept(null, Put(["x:1"], null), 10).After;
        var command = new ChangeTags(Key, CommandId.New(), "", null, default, [new Tag("y:2")], [new Tag("y:2"), new Tag("x:1")]);
        Assert.Equal(["y:2"], Accept(head, command, 20).After.Tags.Select(tag => tag.Text));
    }

    [Fact]
    public void A_deleted_entity_keeps_its_tags_until_it_is_restored()
    {
        var head = Accept(null, Put(["x:1"], "a"), 10).After;
        var deleted = Accept(head, new DeleteEntity(Key, CommandId.New(), "", null, default), 20).After;
        Assert.Equal(Lifecycle.Deleted, deleted.Lifecycle);
        Assert.Equal(RefusalCode.NotFound, Refuse(deleted, new DeleteEntity(Key, CommandId.New(), "", null, default), 30));
        var restored = Accept(deleted, new RestoreEntity(Key, CommandId.New(), "", null, default), 30).After;
        Assert.Equal(head.Tags.AsEnumerable(), restored.Tags);
        Assert.Equal(head.ContentRevision, restored.ContentRevision);
        var again = new RestoreEntity(Key, CommandId.New(), "", null, RevisionCondition.MustBe(deleted.Revision));
        Assert.Equal(restored.Revision, Accept(deleted, again, 30).After.Revision);
        Assert.Equal(RefusalCode.PreconditionFailed,
            Refuse(deleted, again with { Condition = RevisionCondition.MustBe(deleted.Revision - 1) }, 30));
        Assert.Equal(RefusalCode.NotDeleted, Refuse(restored, new RestoreEntity(Key, CommandId.New(), "", null, default), 40));
    }

    [Fact]
    public void Conditions_compare_with_the_actual_revision()
    {
        var head = Accept(null, Put(["x:1"], null), 10).After;
        Assert.Equal(RefusalCode.PreconditionFailed, Refuse(head, Put([], null) with { Condition = RevisionCondition.MustBe(2) }, 20));
        Assert.Equal(RefusalCode.PreconditionFailed, Refuse(head, Put([], null) with { Condition = RevisionCondition.MustNotExist }, 20));
        Assert.Equal(RefusalCode.PreconditionFailed, Refuse(null, Put([], null) with { Condition = RevisionCondition.MustExist }, 20));
        Assert.Equal(2, Accept(head, Put([], null) with { Condition = RevisionCondition.MustBe(1) }, 20).After.Revision);
    }

    [Fact]
    public void A_backfill_lies_after_the_last_change_and_not_in_the_future()
    {
        var head = Accept(null, Put([], null) with { At = new Timestamp(10) }, 50).After;
        Assert.Equal(RefusalCode.AtNotLater, Refuse(head, Put([], null) with { At = new Timestamp(10) }, 60));
        Assert.Equal(RefusalCode.AtInFuture, Refuse(head, Put([], null) with { At = new Timestamp(61) }, 60));
        var change = Accept(head, Put([], null) with { At = new Timestamp(11) }, 60).Change;
        Assert.Equal((11, 60), (change.At.Nanoseconds, change.RecordedAt.Nanoseconds));
    }

    [Fact]
    public void Limits_and_malformed_parts_are_refused()
    {
        Assert.Equal(RefusalCode.TooManyTags, Refuse(null, Put(["a:1", "b:1", "c:1", "d:1"], null), 10));
        Assert.Equal(RefusalCode.ContentTooLarge, Refuse(null, Put([], "01234567890"), 10));
        Assert.Equal(RefusalCode.Invalid, Refuse(null, Put([], null) with { Content = new Content(null, new byte[1]) }, 10));
        Assert.Equal(RefusalCode.Invalid, Refuse(null, Put([], null) with { Content = new Content("", default) }, 10));
        Assert.Equal(RefusalCode.Invalid, Refuse(null, Put([], null) with { Content = new Content("x/\ud800", default) }, 10));
        Assert.Equal(RefusalCode.Invalid, Refuse(null, Put(["no-colon"], null), 10));
        Assert.Equal(RefusalCode.Invalid, Refuse(null, Put(["x:\ud800"], null), 10));
        Assert.Equal(RefusalCode.Invalid, Refuse(null, Put([], null) with { Key = new EntityKey("demo", new string('x', 257)) }, 10));
        Assert.Equal(RefusalCode.Invalid, Refuse(null, Put([], null) with { Key = new EntityKey("de mo", "x") }, 10));
    }

    [Fact]
    public void The_fingerprint_tells_requests_apart()
    {
        var put = Put(["x:1"], "a");
        Assert.Equal(CommandFingerprint.Of(put), CommandFingerprint.Of(put with { Id = CommandId.New() }));
        Assert.NotEqual(CommandFingerprint.Of(put), CommandFingerprint.Of(Put(["x:1"], "b")));
        Assert.NotEqual(CommandFingerprint.Of(put), CommandFingerprint.Of(Put(["x:2"], "a")));
    }

    private static PutEntity Put(string[] tags, string? content) => new(Key, CommandId.New(), "ann", null, default,
        [.. tags.Select(tag => new Tag(tag))], content is null ? null : new Content("text/plain", System.Text.Encoding.UTF8.GetBytes(content)));

    private static Decision.Accepted Accept(EntityHead? head, EntityCommand command, long now) =>
        Assert.IsType<Decision.Accepted>(Decide(head, command, now));

    private static RefusalCode Refuse(EntityHead? head, EntityCommand command, long now) =>
        Assert.IsType<Decision.Refused>(Decide(head, command, now)).Refusal.Code;

    private static Decision Decide(EntityHead? head, EntityCommand command, long now) =>
        EntityRules.Decide(head, command, new SequenceNumber(1), new Timestamp(now), 0, 0, Limits);
}
