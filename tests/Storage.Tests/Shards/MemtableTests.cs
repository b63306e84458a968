using EntityActors.Storage.Model;
using EntityActors.Storage.Shards;
using Xunit;

namespace EntityActors.Storage.Tests.Shards;

public sealed class MemtableTests
{
    [Theory]
    [InlineData(1, 10)]
    [InlineData(200, 400)]
    public void The_estimate_of_its_memory_is_near_what_it_takes_whatever_the_tags(int tagCount, int tagLength)
    {
        const int entities = 100;
        var before = GC.GetTotalMemory(forceFullCollection: true);
        var table = new Memtable();
        for (var i = 0; i < entities; i++)
        {
            var command = new PutEntity(new EntityKey("demo", $"e{i}"), CommandId.New(), "ann", null, default,
                [.. Enumerable.Range(0, tagCount).Select(tag => new Tag($"{i}.{tag}:{new string('x', tagLength)}"))], null);
            var accepted = (Decision.Accepted)EntityRules.Decide(null, command, new SequenceNumber(i + 1), new Timestamp(i + 1), 0, (uint)i, EntityLimits.Default);
            var recent = new RecentCommands();
            recent.Add(AppliedCommand.Of(accepted.Change));
            table.Apply(table.Add(command.Key, (uint)i, null, recent), accepted.Change, accepted.After);
        }

        var taken = GC.GetTotalMemory(forceFullCollection: true) - before;
        GC.KeepAlive(table);
        // Other tests run beside this one, so only a wide range can be told.
        Assert.True(table.EstimatedBytes >= (long)entities * tagCount * tagLength * sizeof(char), $"{table.EstimatedBytes} estimated, {taken} taken");
        Assert.True(table.EstimatedBytes < 1500L * entities * tagCount, $"{table.EstimatedBytes} estimated, {taken} taken");
    }
}
