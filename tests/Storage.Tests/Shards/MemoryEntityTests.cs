using EntityActors.Storage.Model;
using EntityActors.Storage.Shards;
using EntityActors.Tests.Shared.Reference;
using Xunit;

namespace EntityActors.Storage.Tests.Shards;

public sealed class MemoryEntityTests
{
    [Fact]
    public void A_reader_that_meets_an_entity_before_its_first_change_is_applied_sees_none()
    {
        // The writer makes the entity's place first and applies the change then; a reader may look in between.
        var entity = new MemoryEntity(null, new RecentCommands());
        Assert.Null(entity.StateAt(new AsOf(Timestamp.MaxValue, Timestamp.MaxValue)));
    }

    [Fact]
    public void States_of_a_long_history_equal_the_fold_at_every_moment()
    {
        var key = new EntityKey("demo", "a");
        var reference = new ReferenceStore();
        var entity = new MemoryEntity(null, new RecentCommands());
        EntityHead? head = null;
        for (var i = 1; i <= 300; i++)
        {
            var command = new ChangeTags(key, CommandId.New(), "", null, default, [new Tag($"n:{i % 7}")], [new Tag($"n:{(i + 3) % 7}")]);
            EntityCommand next = i == 1 ? new PutEntity(key, CommandId.New(), "", null, default, [], null) : command;
            var accepted = (Decision.Accepted)EntityRules.Decide(head, next, new SequenceNumber(i), new Timestamp(i * 10), 0, 0, EntityLimits.Default);
            head = accepted.After;
            entity.Apply(accepted.Change, head);
            reference.Apply(accepted.Change);
        }

        for (var time = 1; time <= 3010; time += 7)
        {
            var asOf = new AsOf(new Timestamp(time), new Timestamp(time));
            var expected = reference.State(key, asOf);
            var actual = entity.StateAt(asOf);
            Assert.Equal(expected?.Revision, actual?.Revision);
            Assert.Equal(expected?.Tags, actual?.Tags.Select(tag => tag.Text));
        }
    }
}
