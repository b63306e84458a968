using EntityActors.Storage.CommitLog;
using EntityActors.Storage.Format;
using EntityActors.Storage.Io;
using EntityActors.Storage.Model;
using EntityActors.Storage.Shards;

namespace EntityActors.Storage.Tests.Shards;

/// <summary>Does with one shard what its actor does, without actors: prepare, append, apply, checkpoint, reopen.</summary>
internal sealed class ShardDriver : IDisposable
{
    private readonly NodeStoreOptions _options;
    private readonly IFileSystem _files;
    private readonly TimeProvider _time;

    public ShardDriver(NodeStoreOptions options, IFileSystem? files = null, TimeProvider? time = null)
    {
        (_options, _files, _time) = (options, files ?? PosixFileSystem.Instance, time ?? TimeProvider.System);
        Node = NodeStore.Open(_options, _files, _time);
        try
        {
            Store = OpenShard();
        }
        catch
        {
            Node.Dispose();
            throw;
        }
    }

    public NodeStore Node { get; private set; }

    public ShardStore Store { get; private set; }

    /// <summary>What is done when the clock's reservation is used up and no timer renews it.</summary>
    public Action? ClockStalled { get; set; }

    /// <summary>Executes one command durably.</summary>
    public async Task<PrepareResult> Execute(EntityCommand command)
    {
        var result = await Prepare(command);
        if (result is PrepareResult.Accepted) await Flush();
        return result;
    }

    public Task<PrepareResult> Prepare(EntityCommand command, bool flushWhenFull = true) => Prepare(() => Store.Prepare(command), flushWhenFull);

    public Task<PrepareResult> Prepare(EntityTransaction transaction, bool flushWhenFull = true) => Prepare(() => Store.Prepare(transaction), flushWhenFull);

    private async Task<PrepareResult> Prepare(Func<PrepareResult> prepare, bool flushWhenFull)
    {
        while (true)
        {
            switch (prepare())
            {
                case PrepareResult.NeedsLoad cold:
                    Store.Loaded(Store.Load(cold.Key));
                    break;
                case PrepareResult.NotNow { Reason: NotNowReason.ClockStalled }:
                    ClockStalled?.Invoke();
                    await Task.Yield();
                    break;
                case PrepareResult.NotNow { Reason: NotNowReason.BatchFull } when flushWhenFull:
                    await Flush();
                    break;
                case var result:
                    return result;
            }
        }
    }

    public async Task Flush()
    {
        if (Store.TakeBatch() is { } batch) await Apply(batch);
    }

    /// <summary>Makes a batch durable that was taken before, and visible.</summary>
    public async Task Apply(ChangeBatch batch)
    {
        await Node.Log.AppendAsync(new LogAppend(Store.Shard, Store.Epoch, batch.Sequence, ChangeCodec.WriteBatch(batch)));
        Store.Apply(batch);
    }

    /// <summary>One checkpoint; false when there was nothing to do.</summary>
    public bool Checkpoint(bool force)
    {
        if (Store.Plan(force) is not { } plan) return false;
        var result = CheckpointWriter.Write(Node, plan);
        CheckpointValidator.Validate(Node, plan, result);
        Node.Headers.Commit(result.Header);
        Store.Commit(Node, result);
        Node.Trim(result);
        return true;
    }

    public void Reopen()
    {
        Dispose();
        Node = NodeStore.Open(_options, _files, _time);
        Store = OpenShard();
    }

    /// <summary>The shard alone starts again, as after a failure of its actor.</summary>
    public void Restart(int generationsBack = 0)
    {
        Store.Dispose();
        Store = OpenShard(generationsBack);
    }

    public void Dispose()
    {
        Store.Dispose();
        Node.Dispose();
    }

    private ShardStore OpenShard(int generationsBack = 0)
    {
        var store = Node.OpenShard(new ShardId(0), generationsBack);
        foreach (var item in Node.Log.Read(store.Shard, store.CoveredSequence.Next, Node.Log.LastSequence(store.Shard)))
            store.Replay(ChangeCodec.ReadBatch(item.Body.Span));
        return store;
    }
}
