using EntityActors.Storage.Model;
using EntityActors.Storage.Shards;
using Xunit;

namespace EntityActors.Storage.Tests.Shards;

public sealed class RecentCommandsTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(40)]
    public void Forgetting_an_old_use_of_an_id_keeps_its_later_one(int others)
    {
        // Replay adds both without pruning in between: the first one was outside the window when the second was accepted.
        var commands = new RecentCommands();
        commands.Add(Command(id: 7, revision: 1, elapsed: 0));
        for (var i = 0; i < others; i++) commands.Add(Command(id: 100 + i, revision: 2 + i, elapsed: 10));
        commands.Add(Command(id: 7, revision: 2 + others, elapsed: 700));
        commands.Prune(100);
        Assert.Equal(1, commands.Count);
        Assert.True(commands.TryFind(new CommandId(7), out var found));
        Assert.Equal(2 + others, found.Revision);
        commands.Prune(701);
        Assert.False(commands.TryFind(new CommandId(7), out _));
        Assert.Equal(0, commands.Count);
    }

    private static AppliedCommand Command(int id, long revision, uint elapsed) =>
        new(new CommandId((UInt128)id), 1, revision, new SequenceNumber(revision), new Timestamp(revision), elapsed);
}
