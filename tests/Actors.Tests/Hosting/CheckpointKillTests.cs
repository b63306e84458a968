using Akka.Actor;
using EntityActors.Actors.Checkpoints;
using EntityActors.Actors.Client;
using EntityActors.Actors.Protocol;
using EntityActors.Actors.Shards;
using EntityActors.Storage.Io;
using EntityActors.Storage.Model;
using EntityActors.TestCluster;
using EntityActors.Tests.Shared;
using EntityActors.Tests.Shared.Faults;
using Xunit;

namespace EntityActors.Actors.Tests.Hosting;

/// <summary>
/// The coordinator or the shard's actor ends in the middle of a checkpoint of a running node: the checkpoint is finished or given up,
/// nothing acknowledged is lost, the next one succeeds, and in the end no file is left that nothing refers to.
/// </summary>
public sealed class CheckpointKillTests : IDisposable
{
    private static readonly ShardId Shard = new(0);

    /// <summary>The call to the disk before which each stage of a checkpoint is held.</summary>
    private static readonly (string Stage, FileCall Call, string Prefix, string Suffix)[] Stages =
    [
        ("the segment is written", FileCall.Create, "", ".seg"),
        ("the segment is synced", FileCall.SyncData, "", ".seg"),
        ("the segment is validated", FileCall.OpenRead, "", ".seg"),
        ("the header is written", FileCall.Create, "header.", ".tmp"),
        ("the header gets its name", FileCall.Link, "header.", ""),
        ("old files are trimmed", FileCall.Delete, "header.", ""),
    ];

    private readonly TempDirectory _directory = new();
    private readonly HookedFileSystem _files = new(PosixFileSystem.Instance);

    public void Dispose() => _directory.Dispose();

    [Theory]
    [InlineData("coordinator", "kill")]
    [InlineData("coordinator", "exception")]
    [InlineData("coordinator", "stop")]
    [InlineData("shard", "kill")]
    [InlineData("shard", "stop")]
    public async Task A_checkpoint_whose_actor_ends_in_the_middle_is_finished_or_given_up_and_the_next_one_succeeds(string who, string how)
    {
        NodeLoad load;
        await using (var node = await StartAsync())
        {
            load = NodeLoad.Start(node.Store, "load", Shard, 4, isTolerant: who == "shard");
            for (var i = 0; i < 2; i++)
            {
                await load.ProgressAsync(50);
                Assert.True((await node.Store.CheckpointAsync(Shard, default)).Committed);
            }

            foreach (var (_, call, prefix, suffix) in Stages) await InterruptAsync(node, load, who, how, call, prefix, suffix);
            await load.StopAsync();
            Assert.Empty(load.Errors);
            await load.CheckAsync(node.Store);
            for (var i = 0; i < 2; i++) Assert.True((await node.Store.CheckpointAsync(Shard, default)).Committed);
            await Eventually.HoldsAsync(() => StoreCheck.StrayFiles(_directory.Path, Shard).Count == 0,
                () => $"left over: {string.Join(", ", StoreCheck.StrayFiles(_directory.Path, Shard))}");
            Assert.Equal(who == "shard" ? Stages.Length : 0, (await node.Store.ShardAsync(Shard, default)).Restarts);
        }

        StoreCheck.AssertSound(_directory.Path, [Shard], notesAllowed: false);
        await using (var node = await StartAsync()) await load.CheckAsync(node.Store);
    }

    private async Task InterruptAsync(TestNode node, NodeLoad load, string who, string how, FileCall call, string prefix, string suffix)
    {
        await load.ProgressAsync(50);
        var before = await node.Store.ShardAsync(Shard, default);
        using var held = new HeldCalls(_files, (made, path) => made == call && Path.GetFileName(path) is var name
            && name.StartsWith(prefix, StringComparison.Ordinal) && name.EndsWith(suffix, StringComparison.Ordinal));
        var asked = CheckpointAsync(node);
        await held.Reached;
        await EndAsync(node, who, how, before);
        held.Release();
        await load.ProgressAsync(50);
        // Whoever asked is told what became of it, or that it is not known.
        await asked.WaitAsync(TimeSpan.FromSeconds(30));
        await Eventually.HoldsAsync(async () => await CheckpointAsync(node) is { Committed: true } outcome && outcome.Generation > before.Generation,
            () => "no later checkpoint was committed");
        var after = await node.Store.ShardAsync(Shard, default);
        Assert.True(after.CheckpointedSequence >= before.Sequence, $"{after} after {before}");
    }

    private static async Task EndAsync(TestNode node, string who, string how, ShardState before)
    {
        var path = who == "coordinator" ? $"/user/{CheckpointSupervisor.ActorName}/*" : $"/system/sharding/store/{Shard.Value}/{Shard.Value}/*";
        var actor = await node.System.ActorSelection(path).ResolveOne(TimeSpan.FromSeconds(5));
        var ended = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var announced = node.System.ActorOf(Props.Create(() => new Announcements(ended)));
        await announced.Ask<ActorIdentity>(new Identify(null), TimeSpan.FromSeconds(5));
        object message = how switch
        {
            "kill" => Kill.Instance,
            "stop" => PoisonPill.Instance,
            // No shard sends this: nobody is there to be answered, and the handler fails.
            _ => new CheckpointRequested(Shard, null!),
        };
        actor.Tell(message, ActorRefs.NoSender);
        if (who == "coordinator")
        {
            await ended.Task.WaitAsync(TimeSpan.FromSeconds(10));
        }
        else
        {
            await Eventually.HoldsAsync(async () => await node.Store.ShardAsync(Shard, default) is { } now
                && (now.Status == ShardStatus.Recovering || now.Restarts > before.Restarts), () => "the shard's actor lives on");
        }

        node.System.Stop(announced);
    }

    private static async Task<CheckpointOutcome?> CheckpointAsync(TestNode node)
    {
        try
        {
            return await node.Store.CheckpointAsync(Shard, default);
        }
        catch (StoreUnavailableException)
        {
            return null;
        }
    }

    private Task<TestNode> StartAsync() => TestNode.StartAsync(_directory.Path, options => options with
    {
        Files = _files,
        Store = options.Store with { ShardCount = 1 },
        Shards = new ShardLimits { RestartDelayMin = TimeSpan.FromMilliseconds(10), RestartDelayMax = TimeSpan.FromMilliseconds(50), QuarantineFailureCount = 100 },
    });

    /// <summary>Completes when a coordinator has started.</summary>
    private sealed class Announcements : ReceiveActor
    {
        public Announcements(TaskCompletionSource started)
        {
            Context.System.EventStream.Subscribe(Self, typeof(CoordinatorStarted));
            Receive<CoordinatorStarted>(_ => started.TrySetResult());
        }
    }
}
