using EntityActors.Actors.Protocol;
using EntityActors.Storage.Model;
using EntityActors.TestCluster;
using EntityActors.Tests.Shared;
using Xunit;

namespace EntityActors.Actors.Tests.Hosting;

/// <summary>Trims of a running node: who may record them, and what is seen of what records them.</summary>
public sealed class TrimNodeTests : IDisposable
{
    private static readonly EntityKey Key = new("docs", "a");

    private readonly TempDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task Trims_are_recorded_by_their_own_request_alone_and_are_nobodys_entities()
    {
        await using var node = await TestNode.StartAsync(_directory.Path);
        for (var i = 0; i < 3; i++)
            Assert.IsType<CommandResult.Committed>(await node.Store.ExecuteAsync(NodeLoad.Put(Key, $"{i}"), default));
        var (shard, before) = (Key.ShardOf(4), (await node.Store.GetAsync(Key, null, false, default))!.Head.RecordedAt);
        var command = HistoryTrim.Command("docs", shard, 4, before, 1, CommandId.New(), "");
        foreach (var refused in new EntityCommand[]
        {
            command, command with { Tags = [] }, new DeleteEntity(command.Key, CommandId.New(), "", null, default),
            new PurgeEntity(new EntityKey(HistoryTrim.StoredIn, "x"), CommandId.New(), "", default),
        })
            Assert.Equal(RefusalCode.Invalid, Assert.IsType<CommandResult.Refused>(await node.Store.ExecuteAsync(refused, default)).Refusal.Code);
        Assert.Equal(3, (await HistoryAsync(node)).Length);

        var trim = new TrimHistory(shard, "docs", before, 1, CommandId.New(), "");
        var commit = Assert.IsType<CommandResult.Committed>(await node.Store.TrimHistoryAsync(trim, default)).Commit;
        Assert.Equal(commit with { Duplicate = true }, Assert.IsType<CommandResult.Committed>(await node.Store.TrimHistoryAsync(trim, default)).Commit);
        foreach (var (wrong, code) in new[]
        {
            (trim with { KeepChanges = 0 }, RefusalCode.Invalid), (trim with { Before = default }, RefusalCode.Invalid),
            (trim with { Dataset = "no name" }, RefusalCode.Invalid), (trim with { Dataset = HistoryTrim.StoredIn }, RefusalCode.Invalid),
            (trim with { Before = before.Plus(TimeSpan.FromHours(1)) }, RefusalCode.AtInFuture), (trim, RefusalCode.PreconditionFailed),
        })
        {
            var result = await node.Store.TrimHistoryAsync(wrong with { Id = CommandId.New() }, default);
            Assert.Equal((wrong, code), (wrong, Assert.IsType<CommandResult.Refused>(result).Refusal.Code));
        }

        Assert.True(Assert.Single(await HistoryAsync(node)).IsBase);
        var datasets = await node.Store.DatasetsAsync(new DatasetListQuery(null, null, 10), default);
        Assert.Equal(["docs"], datasets.Items.Select(static item => item.Dataset));
        Assert.Equal(1, (await node.Store.ShardsAsync(default)).Sum(static state => state.EntityCount ?? 0));
    }

    private static async Task<Change[]> HistoryAsync(TestNode node) => [.. (await node.Store.HistoryAsync(new HistoryQuery(Key, null, null, 0, 10), default)).Changes];
}
