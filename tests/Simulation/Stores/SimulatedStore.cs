using System.Collections.Immutable;
using EntityActors.Simulation.Tests.Disk;
using EntityActors.Simulation.Tests.Model;
using EntityActors.Storage.CommitLog;
using EntityActors.Storage.Format;
using EntityActors.Storage.Io;
using EntityActors.Storage.Model;
using EntityActors.Storage.Shards;

namespace EntityActors.Simulation.Tests.Stores;

/// <summary>One process that serves every shard of a store on a simulated disk, with the model of what it must hold.</summary>
/// <remarks>One thread, no clock but its own, every choice drawn from one seed: the same seed on the same disk makes the same calls.</remarks>
internal sealed class SimulatedStore
{
    private const int AttemptsMax = 20;

    private readonly ModelShard[] _models;
    private readonly ImmutableArray<ModelPromise>.Builder _inherited;
    private readonly ServedShard?[] _shards = new ServedShard?[SimulationOptions.ShardCount];
    private readonly StoreProcess _process;
    private readonly IFileSystem _disk;
    private readonly NodeStoreOptions _options;
    private NodeStore? _node;

    public SimulatedStore(WorkloadFamily family, DiskState disk, ImmutableArray<ModelPromise> promises, DateTimeOffset wall, Random random)
        : this(family, DiskOf(family, disk, random), family.Store, promises, wall, random)
    {
    }

    /// <param name="disk">A simulated disk or a real one.</param>
    public SimulatedStore(WorkloadFamily family, IFileSystem disk, NodeStoreOptions options, ImmutableArray<ModelPromise> promises,
        DateTimeOffset wall, Random random)
    {
        (Family, Random, _disk, _options) = (family, random, disk, options);
        // A successor's clock may be behind its predecessor's.
        Time = new SimulatedTime(wall + TimeSpan.FromMilliseconds(random.Next(-300, 1000)), family.TimersLate, random);
        _models = [.. promises.Select(promise => promise.Shard)];
        _inherited = promises.ToBuilder();
        _process = new StoreProcess(NewGuid, Id: 1, HasCommitThread: false);
    }

    /// <summary>What is promised of shards that have no history yet.</summary>
    public static ImmutableArray<ModelPromise> NoPromises =>
        [.. Enumerable.Range(0, SimulationOptions.ShardCount).Select(_ => ModelPromise.Of(new ModelShard()))];

    public WorkloadFamily Family { get; }

    public SimulatedFileSystem Files => (SimulatedFileSystem)_disk;

    /// <summary>Whether a call to the disk may have failed already.</summary>
    public bool MayHaveFailed => _disk is not SimulatedFileSystem { HasFailed: false };

    public SimulatedTime Time { get; }

    public Random Random { get; }

    public NodeStore Node => _node ?? throw new InvalidOperationException("the store is closed");

    public bool IsOpen => _node is not null;

    /// <summary>Commands that were submitted before the crash and are not in the history that was recovered.</summary>
    public List<(ShardId Shard, EntityCommand Command)> Lost { get; } = [];

    /// <summary>Merges that were committed.</summary>
    public int Merges { get; set; }

    /// <summary>What a crash now must leave.</summary>
    public ImmutableArray<ModelPromise> Promises
    {
        get
        {
            var promises = ImmutableArray.CreateBuilder<ModelPromise>(_models.Length);
            for (var i = 0; i < _models.Length; i++)
                promises.Add(_inherited[i].Shard == _models[i] && _shards[i] is null ? _inherited[i] : ModelPromise.Of(_models[i]));
            return promises.MoveToImmutable();
        }
    }

    public ModelShard ModelOf(ShardId shard) => _models[shard.Value];

    public ServedShard Served(ShardId shard) => _shards[shard.Value] ?? throw new InvalidOperationException($"shard {shard} is not open");

    public void Open()
    {
        _node = NodeStore.Open(_options, _disk, Time, _process);
        // Timers that are due at once.
        Time.Advance(TimeSpan.Zero);
        for (var i = 0; i < _shards.Length; i++) OpenShard(new ShardId(i), 0);
    }

    /// <summary>A clean stop.</summary>
    public void Close()
    {
        for (var i = 0; i < _shards.Length; i++) CloseShard(new ShardId(i));
        var node = Node;
        _node = null;
        node.Dispose();
    }

    /// <summary>Lets go of every file and lock on a disk that may fail all of it. Nothing is to become durable by it.</summary>
    public void Abandon()
    {
        for (var i = 0; i < _shards.Length; i++) CloseShard(new ShardId(i));
        _node?.Dispose();
        _node = null;
    }

    /// <summary>Takes the shard over, as its actor does at each start, and compares what it finds with what was promised.</summary>
    public void OpenShard(ShardId shard, int generationsBack)
    {
        CloseShard(shard);
        var store = Node.OpenShard(shard, generationsBack);
        try
        {
            var last = Node.Log.LastSequence(shard);
            foreach (var item in Node.Log.Read(shard, store.CoveredSequence.Next, last)) store.Replay(ChangeCodec.ReadBatch(item.Body.Span));
            Recovered(shard, last.Value);
        }
        catch
        {
            store.Dispose();
            throw;
        }

        _shards[shard.Value] = new ServedShard(store);
    }

    public void Compare(bool isThorough)
    {
        foreach (var shard in _shards)
        {
            if (shard is not null) ShardComparison.Compare(shard.Store, ModelOf(shard.Store.Shard), Random, isThorough);
        }
    }

    /// <summary>Prepares a command; when it is accepted it is part of the next batch.</summary>
    public PrepareResult Prepare(ShardId shard, EntityCommand command)
    {
        var served = Served(shard);
        for (var attempt = 1; ; attempt++)
        {
            switch (served.Store.Prepare(command))
            {
                case PrepareResult.NeedsLoad:
                    served.Store.Loaded(served.Store.Load(command.Key));
                    break;
                case PrepareResult.NotNow { Reason: NotNowReason.BatchFull }:
                    Commit();
                    break;
                case PrepareResult.NotNow { Reason: NotNowReason.LogBusy } when attempt < AttemptsMax:
                    // What is under way gives its room back, and the next file is there in a moment.
                    Commit();
                    Time.Advance(_options.Log.ClockRenewal);
                    break;
                case PrepareResult.NotNow when attempt < AttemptsMax:
                    Time.Advance(_options.Log.ClockRenewal);
                    break;
                case PrepareResult.Accepted accepted:
                    served.Forming.Add((command, accepted.Change));
                    return accepted;
                case var result:
                    return result;
            }
        }
    }

    /// <summary>Hands over the batches of all shards; nothing is written yet.</summary>
    public void Append()
    {
        foreach (var served in _shards)
        {
            if (served?.Store.TakeBatch() is not { } batch) continue;
            var model = ModelOf(served.Store.Shard);
            SimulationViolation.Unless(batch.Sequence.Value == model.Submitted + 1, $"event {batch.Sequence} follows event {model.Submitted}");
            model.Submit([.. served.Forming.Zip(batch.Changes, (formed, change) => (formed.Command, change))]);
            served.Forming.Clear();
            var done = Node.Log.AppendAsync(new LogAppend(served.Store.Shard, served.Store.Epoch, batch.Sequence, ChangeCodec.WriteBatch(batch)));
            served.InFlight.Enqueue((batch, done));
        }
    }

    /// <summary>Commits what was handed over and applies what was acknowledged. A failed append is the shard's failure.</summary>
    public void Acknowledge()
    {
        if (AcknowledgeWhatSucceeds() is { } failures) throw new AggregateException(failures);
    }

    private List<Exception>? AcknowledgeWhatSucceeds()
    {
        Node.Log.CommitWaiting();
        List<Exception>? failures = null;
        foreach (var served in _shards)
        {
            while (served is not null && served.InFlight.TryDequeue(out var item))
            {
                SimulationViolation.Unless(item.Done.IsCompleted, $"event {item.Batch.Sequence} of shard {served.Store.Shard} is neither acknowledged nor failed");
                if (item.Done.IsCompletedSuccessfully)
                {
                    served.Store.Apply(item.Batch);
                    ModelOf(served.Store.Shard).Acknowledge(item.Batch.Sequence.Value);
                }
                else
                {
                    served.HasFailed = true;
                    (failures ??= []).Add(item.Done.Exception!.InnerException!);
                }
            }
        }

        return failures;
    }

    public void Commit()
    {
        Append();
        Acknowledge();
    }

    public void CloseShard(ShardId shard)
    {
        _shards[shard.Value]?.Store.Dispose();
        _shards[shard.Value] = null;
    }

    /// <summary>What supervision does after a failed call: whatever no longer serves starts again from disk.</summary>
    public void Heal()
    {
        if (_node is null)
        {
            for (var i = 0; i < _shards.Length; i++) CloseShard(new ShardId(i));
            Open();
            return;
        }

        // What failed may have kept other shards' batches from being acknowledged.
        if (_shards.Any(static served => served?.InFlight.Count > 0)) _ = AcknowledgeWhatSucceeds();
        for (var i = 0; i < _shards.Length; i++)
        {
            if (_shards[i] is not { HasFailed: false }) OpenShard(new ShardId(i), 0);
        }
    }

    private void Recovered(ShardId shard, long last)
    {
        var promise = Promises[shard.Value];
        SimulationViolation.Unless(last >= promise.Acknowledged,
            $"shard {shard} recovers up to event {last}, but {promise.Acknowledged} events were acknowledged");
        SimulationViolation.Unless(last <= promise.Submitted, $"shard {shard} recovers event {last}, but only {promise.Submitted} were submitted");
        for (var sequence = last + 1; sequence <= promise.Submitted; sequence++)
            Lost.AddRange(promise.Shard.Event(sequence).Select(change => (shard, change.Command)));
        // What is served from now on may be seen, so it must survive the next crash.
        _models[shard.Value] = promise.Shard.Prefix(last, promise.Answered);
    }

    private static SimulatedFileSystem DiskOf(WorkloadFamily family, DiskState disk, Random random)
    {
        var files = new SimulatedFileSystem(disk);
        if (family.HasShortCalls) files.ShortRandom = new Random(random.Next());
        return files;
    }

    private Guid NewGuid()
    {
        Span<byte> bytes = stackalloc byte[16];
        Random.NextBytes(bytes);
        return new Guid(bytes);
    }
}

/// <summary>A shard as its actor holds it: the store, what is being formed and what is in flight.</summary>
internal sealed class ServedShard(ShardStore store)
{
    public ShardStore Store { get; } = store;

    public List<(EntityCommand Command, Change Change)> Forming { get; } = [];

    public Queue<(ChangeBatch Batch, Task Done)> InFlight { get; } = new();

    public bool HasFailed { get; set; }

    public CheckpointProgress? Checkpoint { get; set; }
}
