using EntityActors.Simulation.Tests.Disk;
using EntityActors.Simulation.Tests.Model;
using EntityActors.Simulation.Tests.Stores;
using EntityActors.Storage.CommitLog;
using EntityActors.Storage.Format;
using EntityActors.Storage.Io;
using EntityActors.Storage.Model;
using EntityActors.Storage.Shards;

namespace EntityActors.Simulation.Tests.Damage;

/// <summary>A store opened over a damaged disk as its supervisors would, with what each shard's entities answer or why they do not.</summary>
internal sealed class DamagedStore : IDisposable
{
    /// <summary>The supervisor's ladder: newest header, the one before, then without the entities that are lost.</summary>
    private static readonly (int Back, bool ToleratesLoss)[] Openings = [(0, false), (1, false), (1, true)];

    private readonly Dictionary<ShardId, CorruptDataException> _lostShards = [];
    private readonly HashSet<(ShardId Shard, string What)> _lostAnswers = [];
    private readonly Dictionary<ShardId, ShardStore> _shards = [];
    private readonly SimulatedTime _time;
    private readonly SimulatedFileSystem _files;

    /// <exception cref="StoreUnusableException">The store refuses.</exception>
    public DamagedStore(SimulatedFileSystem files, DateTimeOffset wall, Random random)
    {
        (_files, _time) = (files, new SimulatedTime(wall, TimeSpan.Zero, random));
        Node = NodeStore.Open(DamageBase.Family.Store, files, _time, new StoreProcess(() => NewGuid(random), Id: 1, HasCommitThread: false));
        _time.Advance(TimeSpan.Zero);
        for (var i = 0; i < SimulationOptions.ShardCount; i++) Open(new ShardId(i));
    }

    public NodeStore Node { get; }

    public IReadOnlyDictionary<ShardId, CorruptDataException> LostShards => _lostShards;

    /// <summary>Answers that are typed errors, by what was asked.</summary>
    public IReadOnlySet<(ShardId Shard, string What)> LostAnswers => _lostAnswers;

    public IReadOnlyDictionary<ShardId, ShardStore> Shards => _shards;

    public DiskState State => _files.State;

    public DateTimeOffset Wall => _time.GetUtcNow();

    /// <summary>Asks every question and compares; a typed error is noted, any other difference is a violation.</summary>
    public void Compare(ShardId shard, ModelShard model)
    {
        var store = _shards[shard];
        SimulationViolation.Unless(store.TryBeginRead(null, null, out var now) == ReadReadiness.Ready, $"a read of what is applied is not answered");
        if (store.LossDetail is null) ShardComparison.CompareCounts(store, model);
        using var view = store.View();
        var moments = new List<AsOf> { now };
        for (var i = 1; i <= 3 && model.Submitted > 0; i++)
        {
            var recorded = model.Event(Math.Max(1, model.Submitted * i / 4))[0].Change.RecordedAt;
            moments.Add(i == 2 ? new AsOf(recorded, now.RecordedAt) : new AsOf(recorded, recorded));
        }

        foreach (var key in model.Keys)
        {
            foreach (var asOf in moments) Ask(shard, $"{key}", () => ShardComparison.CompareState(view, model, key, asOf));
            Ask(shard, $"{key}", () => ShardComparison.CompareHistory(view, model, key, now));
        }

        foreach (var tag in Workload.Tags)
        {
            foreach (var lifecycle in ShardComparison.Lifecycles)
            {
                foreach (var asOf in moments) Ask(shard, $"{tag.Text} {lifecycle} {asOf}", () => ShardComparison.CompareQuery(view, model, lifecycle, tag, asOf));
            }
        }

        Ask(shard, "an absent entity", () => SimulationViolation.Unless(
            view.Get(new EntityKey(Workload.Dataset, "never"), now) is null, $"an entity that never was is answered"));
    }

    /// <summary>One more change, then two checkpoints, as a coordinator makes them. What is lost refuses.</summary>
    public void ChangeAndCheckpoint(ShardId shard, ModelShard model)
    {
        var store = _shards[shard];
        Change(store, model);
        for (var round = 0; round < 2; round++)
        {
            if (store.Plan(force: true) is not { } plan) return;
            var progress = new CheckpointProgress(Node, store, plan);
            try
            {
                while (progress.Advance())
                {
                }
            }
            catch (CorruptDataException)
            {
                // A merge met a lost block: it never copies damage.
                progress.Restore();
                return;
            }
        }
    }

    public void Dispose()
    {
        foreach (var store in _shards.Values) store.Dispose();
        Node.Dispose();
    }

    private void Change(ShardStore store, ModelShard model)
    {
        // One that takes a put: what is archived or purged does not.
        var key = model.Keys.Where(key => model.State(key)?.Lifecycle is Lifecycle.Active or Lifecycle.Deleted)
            .Append(new EntityKey(Workload.Dataset, "never-before")).First();
        var put = new PutEntity(key, new CommandId(77), "ann", null, default, [new Tag(Workload.Tags[1].Text)], null);
        PrepareResult result;
        try
        {
            while ((result = store.Prepare(put)) is PrepareResult.NeedsLoad or PrepareResult.NotNow)
            {
                if (result is PrepareResult.NeedsLoad) store.Loaded(store.Load(key));
                else _time.Advance(DamageBase.Family.Store.Log.ClockRenewal);
            }
        }
        catch (CorruptDataException)
        {
            // An entity that is lost takes no change.
            return;
        }

        if (result is not PrepareResult.Accepted accepted) throw new SimulationViolation($"a put of {key} is answered {result}");
        var batch = store.TakeBatch()!;
        model.Submit([(put, accepted.Change)]);
        var done = Node.Log.AppendAsync(new LogAppend(store.Shard, store.Epoch, batch.Sequence, ChangeCodec.WriteBatch(batch)));
        Node.Log.CommitWaiting();
        SimulationViolation.Unless(done.IsCompletedSuccessfully, $"an append after damage ends as {done.Status}");
        store.Apply(batch);
        model.Acknowledge(batch.Sequence.Value);
    }

    private void Open(ShardId shard)
    {
        CorruptDataException? cause = null;
        foreach (var (back, toleratesLoss) in Openings)
        {
            ShardStore? store = null;
            try
            {
                store = Node.OpenShard(shard, back, toleratesLoss);
                var last = Node.Log.LastSequence(shard);
                foreach (var item in Node.Log.Read(shard, store.CoveredSequence.Next, last)) store.Replay(ChangeCodec.ReadBatch(item.Body.Span));
                _shards[shard] = store;
                return;
            }
            catch (CorruptDataException damage)
            {
                store?.Dispose();
                cause = damage;
            }
        }

        _lostShards[shard] = cause!;
    }

    private void Ask(ShardId shard, string what, Action ask)
    {
        try
        {
            ask();
        }
        catch (CorruptDataException)
        {
            _lostAnswers.Add((shard, what));
        }
    }

    private static Guid NewGuid(Random random)
    {
        Span<byte> bytes = stackalloc byte[16];
        random.NextBytes(bytes);
        return new Guid(bytes);
    }
}
