using EntityActors.Simulation.Tests.Model;
using EntityActors.Storage.Model;
using EntityActors.Storage.Shards;

namespace EntityActors.Simulation.Tests.Stores;

/// <summary>What happens to a store in its life, drawn step by step: commands of every kind, retries, checkpoints, idleness, restarts.</summary>
internal sealed class StoreActivity(SimulatedStore store)
{
    private readonly Workload _workload = new(store.Random, SimulationOptions.ShardCount);

    private Random Random => store.Random;

    public void Step()
    {
        store.Time.Advance(TimeSpan.FromMilliseconds(Random.Next(20)));
        if (store.Family.Trims && Random.Next(10) == 0)
        {
            Trim(AnyShard());
            return;
        }

        var more = store.Family.MoreCheckpoints;
        switch (Random.Next(100 + more + store.Family.MoreRestarts))
        {
            case < 50:
                Command();
                store.Commit();
                break;
            case < 66:
                for (var i = 2 + Random.Next(7); i > 0; i--) Command();
                store.Commit();
                break;
            case < 73:
                RetryAcknowledged(AnyShard());
                break;
            case < 88:
                Checkpoint(AnyShard());
                break;
            case < 90:
                store.Node.Log.BeIdle();
                break;
            case < 93:
                store.Time.Advance(TimeSpan.FromMilliseconds(Random.Next(3000)));
                break;
            case < 95:
                Reopen(AnyShard());
                break;
            case < 96:
                Restart();
                break;
            case < 98:
                ReadNow(AnyShard());
                break;
            case < 100:
                store.Compare(isThorough: false);
                break;
            case var choice when choice < 100 + more:
                Checkpoint(AnyShard());
                break;
            default:
                Restart();
                break;
        }
    }

    /// <summary>What every client does after a crash: it sends again what it does not know the outcome of, then goes on.</summary>
    public void AfterCrash()
    {
        foreach (var (shard, command) in store.Lost)
        {
            var result = store.Prepare(shard, command);
            SimulationViolation.Unless(result is not PrepareResult.Duplicate, $"command {command.Id} was lost and is answered as a duplicate");
        }

        store.Lost.Clear();
        for (var i = 0; i < SimulationOptions.ShardCount; i++) RetryNewest(new ShardId(i));
        store.Commit();
        Command();
        store.Commit();
    }

    /// <summary>Two checkpoints of every shard: after them nothing is left on the disk that is not needed, whatever crashes left there.</summary>
    public void Settle()
    {
        for (var round = 0; round < 3; round++)
        {
            for (var i = 0; i < SimulationOptions.ShardCount; i++)
            {
                CheckpointNow(store.Served(new ShardId(i)));
            }
        }

        PurgedBytes.Check(store, CheckpointNow);
        CheckSpace();
    }

    private void CheckpointNow(ServedShard served)
    {
        if (served.Checkpoint is null && served.Store.Plan(force: true) is { } plan)
            served.Checkpoint = new CheckpointProgress(store.Node, served.Store, plan);
        while (served.Checkpoint is not null) Advance(served);
    }

    private void CheckSpace()
    {
        var files = store.Files;
        var logs = files.List("/data/nodes/node");
        // Where a process was killed before it had its clock, it cannot be told from one that is starting.
        var kept = logs.Count(log => log != store.Node.Log.Current.ToString() && files.FileExists($"/data/nodes/node/{log}/clock"));
        SimulationViolation.Unless(kept == 0, $"{kept} dead logs stay when two headers of every shard cover them");
        for (var i = 0; i < SimulationOptions.ShardCount; i++)
        {
            if (store.ModelOf(new ShardId(i)).Submitted == 0) continue;
            var directory = store.Node.Layout.Shard(new ShardId(i));
            var headers = store.Node.Headers.List(new ShardId(i));
            var needed = headers.SelectMany(header => header.Segments).Select(segment => segment.Id).ToHashSet();
            SimulationViolation.Unless(headers.Length == HeaderStore.RetainedCount, $"{headers.Length} headers of shard {i} stay");
            var useless = files.List(directory).Count(name => StoreLayout.TryParseSegment(name, out var id) && !needed.Contains(id));
            SimulationViolation.Unless(useless == 0, $"{useless} segments of shard {i} stay that no header lists");
            // A temporary file goes with the next epoch.
            var claims = files.List($"{directory}/epoch").Where(name => !name.EndsWith(".tmp", StringComparison.Ordinal)).ToArray();
            SimulationViolation.Unless(claims.Length <= 2, $"{claims.Length} files stay beside the claim of shard {i}: {string.Join(' ', claims)}");
        }
    }

    private ShardId AnyShard() => new(Random.Next(SimulationOptions.ShardCount));

    private void Restart()
    {
        store.Close();
        store.Open();
    }

    private void Command()
    {
        var (shard, command) = _workload.Next((shard, key) => store.ModelOf(shard).State(key));
        var result = store.Prepare(shard, command);
        if (command is PutEntity { At: null } && !MayBeClosed(shard, command.Key))
            SimulationViolation.Unless(result is PrepareResult.Accepted || (result is PrepareResult.NotNow && store.MayHaveFailed), $"an unconditional put of {command.Key} is answered {result}");
        if (result is not PrepareResult.Accepted || Random.Next(8) != 0) return;
        // The client is impatient: its retry meets the first one in flight.
        var again = store.Prepare(shard, command);
        SimulationViolation.Unless(again is PrepareResult.Duplicate, $"a retry of a command in flight is answered {again}");
    }

    /// <summary>A horizon at a change that was acknowledged; then, mostly, so much time that its bytes may go.</summary>
    private void Trim(ShardId shard)
    {
        var model = store.ModelOf(shard);
        if (model.Acknowledged > 0)
        {
            var before = model.Event(1 + Random.NextInt64(model.Acknowledged))[^1].Change.RecordedAt;
            var kept = Random.Next(3) == 0 ? 1 + Random.Next(5) : 1;
            var trim = HistoryTrim.Command(Workload.Dataset, shard, SimulationOptions.ShardCount, before, kept, _workload.NextId(), "retention");
            var result = store.Prepare(shard, trim);
            var isAnswer = result is PrepareResult.Accepted
                or PrepareResult.Refused { Refusal.Code: RefusalCode.PreconditionFailed or RefusalCode.AtNotLater };
            SimulationViolation.Unless(isAnswer || (result is PrepareResult.NotNow && store.MayHaveFailed), $"a trim is answered {result}");
            store.Commit();
        }

        if (Random.Next(3) > 0) store.Time.Advance(WorkloadFamily.TrimmedWindow + TimeSpan.FromSeconds(2));
    }

    /// <summary>Whether the entity is archived or purged, or a batch that is being formed may make it so.</summary>
    private bool MayBeClosed(ShardId shard, EntityKey key) =>
        store.ModelOf(shard).State(key) is { Lifecycle: Lifecycle.Purged or Lifecycle.Archived }
        || store.Served(shard).Forming.Any(item => item.Command.Key == key && item.Command is PurgeEntity or ArchiveEntity);

    private void RetryAcknowledged(ShardId shard)
    {
        var count = store.ModelOf(shard).Acknowledged;
        if (count > 0) Retry(shard, store.ModelOf(shard).Event(1 + Random.NextInt64(count)));
    }

    private void RetryNewest(ShardId shard)
    {
        var count = store.ModelOf(shard).Acknowledged;
        for (var sequence = Math.Max(1, count - 1); sequence <= count; sequence++) Retry(shard, store.ModelOf(shard).Event(sequence));
        RetryAcknowledged(shard);
    }

    private void Retry(ShardId shard, IReadOnlyList<ModelChange> changes)
    {
        // Its id may be forgotten by now.
        if (store.Family.Trims) return;
        var (command, change, _) = changes[Random.Next(changes.Count)];
        var result = store.Prepare(shard, command);
        // The ids of earlier commands go with what they did.
        if (result is PrepareResult.Refused { Refusal.Code: RefusalCode.Purged } && command is not PurgeEntity && store.ModelOf(shard).IsPurged(command.Key)) return;
        SimulationViolation.Unless(result is PrepareResult.Duplicate { IsDurable: true } found
                && (found.Revision, found.At, found.Sequence) == (change.Revision, change.At, change.Sequence),
            $"a retry of {command.Id}, acknowledged as revision {change.Revision} of {command.Key}, is answered {result}");
        var other = store.Prepare(shard, new PutEntity(command.Key, command.Id, "mallory", null, default, [new Tag("never:used")], null));
        SimulationViolation.Unless(other is PrepareResult.Refused { Refusal.Code: RefusalCode.CommandIdReused },
            $"another command under the id {command.Id} is answered {other}");
    }

    private void Checkpoint(ShardId shard)
    {
        // Mostly the one that keeps log files from being freed.
        if (Random.Next(3) > 0 && store.Node.Log.Statistics.PinningShard is { } pinning) shard = pinning;
        var served = store.Served(shard);
        if (served.Checkpoint is null && served.Store.Plan(force: Random.Next(3) > 0) is { } plan)
            served.Checkpoint = new CheckpointProgress(store.Node, served.Store, plan);
        for (var steps = Random.Next(2) == 0 ? 1 : 4; steps > 0 && served.Checkpoint is not null; steps--) Advance(served);
    }

    private void Advance(ServedShard served)
    {
        var progress = served.Checkpoint!;
        try
        {
            if (progress.Advance()) return;
            served.Checkpoint = null;
            if (progress.IsMerge) store.Merges++;
        }
        catch
        {
            // As the coordinator does: back to the header snapshot; another checkpoint tries again.
            progress.Restore();
            served.Checkpoint = null;
            throw;
        }
    }

    private void Reopen(ShardId shard)
    {
        var before = store.Served(shard);
        if (Random.Next(2) == 0)
        {
            // The old incarnation dies with a batch in the queue of the log.
            Command();
            store.Append();
        }

        var back = Random.Next(4) == 0 && store.Node.Headers.List(shard).Length > 1 ? 1 : 0;
        store.OpenShard(shard, back);
        if (before.Checkpoint is not null && Random.Next(2) == 0) before.Checkpoint.AdvanceFenced();
        while (before.InFlight.TryDequeue(out var item))
        {
            // A log that failed ends all it holds, whoever appended it.
            SimulationViolation.Unless(
                item.Done.Exception?.InnerException is StaleEpochException || item.Done.IsCompletedSuccessfully || store.MayHaveFailed,
                $"an append of a superseded owner ended as {item.Done.Status}");
            SimulationViolation.Unless(!item.Done.IsCompletedSuccessfully, $"an append of a superseded owner was acknowledged");
        }

        store.Acknowledge();
        store.Compare(isThorough: false);
    }

    private void ReadNow(ShardId shard)
    {
        var now = Timestamp.FromDateTimeOffset(store.Time.GetUtcNow());
        if (store.Served(shard).Store.TryBeginRead(now, now, out var asOf) == ReadReadiness.Ready) store.ModelOf(shard).Answer(asOf.RecordedAt);
    }
}
