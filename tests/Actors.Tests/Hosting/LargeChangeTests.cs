using EntityActors.Actors.Protocol;
using EntityActors.Storage.Model;
using EntityActors.TestCluster;
using EntityActors.Tests.Shared;
using Xunit;

namespace EntityActors.Actors.Tests.Hosting;

/// <summary>A change that no record of the log can hold is refused before it is stamped.</summary>
public sealed class LargeChangeTests : IDisposable
{
    private const int TagCount = 1000;
    private readonly TempDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task A_change_that_no_log_record_holds_is_refused_and_its_shard_goes_on()
    {
        await using var node = await TestNode.StartAsync(_directory.Path, options => options with
        {
            HoconTexts = [.. options.HoconTexts, "entityactors.log.file-bytes = 1MiB"],
        });
        var key = new EntityKey("docs", "big");
        Assert.IsType<CommandResult.Committed>(await node.Store.ExecuteAsync(Put(key, 'a'), default));
        // Every tag of before goes and as many come: twice the text of the first change.
        var refused = Assert.IsType<CommandResult.Refused>(await node.Store.ExecuteAsync(Put(key, 'b'), default));
        Assert.Equal((RefusalCode.ContentTooLarge, 1), (refused.Refusal.Code, refused.Refusal.ActualRevision));
        foreach (var shard in await node.Store.ShardsAsync(default)) Assert.Equal(0, shard.Restarts);
        Assert.IsType<CommandResult.Committed>(await node.Store.ExecuteAsync(
            new ChangeTags(key, CommandId.New(), "me", null, default, [new Tag("c:1")], [Tag('a', 0)]), default));
    }

    private static PutEntity Put(EntityKey key, char mark) => new(key, CommandId.New(), "me", null, default,
        TagSet.Normalize([.. Enumerable.Range(0, TagCount).Select(number => Tag(mark, number))]), null);

    private static Tag Tag(char mark, int number) => new($"{mark}:{new string('x', 505)}{number:0000}");
}
