using EntityActors.Simulation.Tests.Disk;
using EntityActors.Simulation.Tests.Exploration;
using EntityActors.Simulation.Tests.Model;
using EntityActors.Simulation.Tests.Stores;
using EntityActors.Storage.Integrity;
using EntityActors.Storage.Model;

namespace EntityActors.Simulation.Tests.Damage;

/// <summary>Tries one image: inspects it, opens it, asks everything, and for some goes on with a change, checkpoints and another start.</summary>
internal sealed class DamageCheck(DamageBase store, DamageImage image)
{
    private readonly DiskState _disk = store.Apply(image);
    private readonly string[] _damaged = store.Damaged(image);
    private bool _isSaid;

    /// <exception cref="SimulationViolation">A promise is broken.</exception>
    public DamageOutcome Run(bool goesOn)
    {
        Inspect();
        var outcome = Open(goesOn);
        CheckAllowed(outcome);
        return outcome == DamageOutcome.Repaired && !_isSaid ? DamageOutcome.Harmless : outcome;
    }

    private void Inspect()
    {
        var files = new SimulatedFileSystem(_disk);
        try
        {
            _ = StoreInspector.Inspect(files, SimulationOptions.DataDirectory, Note, null);
        }
        catch (StoreUnusableException)
        {
            _isSaid = true;
        }

        SimulationViolation.Unless(_isSaid || !MustBeFound(), $"the inspector finds nothing");
    }

    private void Note(Finding finding) => _isSaid |= finding.Severity == Severity.Damage
        || _damaged.Contains(Path.Combine(SimulationOptions.DataDirectory, finding.Path));

    private DamageOutcome Open(bool goesOn)
    {
        var files = new SimulatedFileSystem(_disk);
        var random = CrashPath.None.RandomFor(store.Seed, purpose: 21);
        DamagedStore opened;
        try
        {
            opened = new DamagedStore(files, store.Wall + TimeSpan.FromSeconds(1), random);
        }
        catch (StoreUnusableException refusal)
        {
            SimulationViolation.Unless(_damaged.Any(path => refusal.Message.Contains(path, StringComparison.Ordinal)) || refusal.Reason == StoreUnusableReason.NotAStore,
                $"a refusal does not name the damage: {refusal.Message}");
            SimulationViolation.Unless(StoredFiles.Paths(files.State).All(path => StoredFiles.Paths(_disk).Contains(path)), $"a refusal creates files");
            return DamageOutcome.Refused;
        }

        var models = new Dictionary<ShardId, ModelShard>();
        var isTorn = false;
        HashSet<(ShardId, string)> lost;
        using (opened)
        {
            _isSaid |= opened.Node.Damage.Count > 0;
            foreach (var (shard, _) in opened.Shards) isTorn |= Compare(opened, shard, models, goesOn);
            lost = [.. opened.LostAnswers];
            CheckHarm(opened);
            if (goesOn)
            {
                foreach (var (shard, model) in models)
                {
                    opened.ChangeAndCheckpoint(shard, model);
                    opened.Compare(shard, model);
                }
            }
        }

        if (goesOn) Reopen(files.State, opened, models, lost);
        if (opened.LostShards.Count > 0) return DamageOutcome.ShardsLost;
        if (lost.Count > 0) return DamageOutcome.EntitiesLost;
        return isTorn ? DamageOutcome.TornTail : DamageOutcome.Repaired;
    }

    /// <returns>Whether events at the end were cut.</returns>
    private bool Compare(DamagedStore opened, ShardId shard, Dictionary<ShardId, ModelShard> models, bool goesOn)
    {
        var promise = store.Promises[shard.Value];
        var last = opened.Node.Log.LastSequence(shard).Value;
        SimulationViolation.Unless(last <= promise.Submitted, $"shard {shard} recovers event {last}, but only {promise.Submitted} were submitted");
        for (var sequence = last + 1; sequence <= promise.Acknowledged; sequence++)
        {
            SimulationViolation.Unless(store.Logs.MayVanish(_disk, _damaged, shard, sequence),
                $"event {sequence} of shard {shard} was acknowledged, is proven to have been synced, and vanishes without an error");
        }

        // A copy where it will grow, or was cut. A shard whose files are whole is asked everything only where the image goes on.
        models[shard] = goesOn || last < promise.Submitted ? promise.Shard.Prefix(last, promise.Answered) : promise.Shard;
        if (goesOn || _damaged.Any(path => DamageBase.MayHarm(path, shard))) opened.Compare(shard, models[shard]);
        return last < promise.Acknowledged;
    }

    /// <summary>What was written since must not have sealed the damage in: the same answers again, and no more of them lost.</summary>
    private void Reopen(DiskState disk, DamagedStore before, Dictionary<ShardId, ModelShard> models, HashSet<(ShardId, string)> lost)
    {
        using var again = new DamagedStore(new SimulatedFileSystem(disk), before.Wall + TimeSpan.FromSeconds(1), CrashPath.None.RandomFor(store.Seed, purpose: 22));
        foreach (var shard in again.LostShards.Keys)
            SimulationViolation.Unless(before.LostShards.ContainsKey(shard), $"shard {shard} served after the damage and is lost after a checkpoint: {again.LostShards[shard].Message}");
        foreach (var (shard, store) in again.Shards)
        {
            if (!models.TryGetValue(shard, out var model)) continue;
            SimulationViolation.Unless(again.Node.Log.LastSequence(shard).Value == model.Submitted, $"shard {shard} ends at another event after a checkpoint");
            again.Compare(shard, model);
            if (lost.Count == 0) SimulationViolation.Unless(again.LostAnswers.Count == 0, $"shard {shard} answered everything before a checkpoint, and not after it");
            _ = store;
        }
    }

    /// <summary>What is lost is named, and damage harms no shard whose files it spares.</summary>
    private void CheckHarm(DamagedStore opened)
    {
        foreach (var (shard, cause) in opened.LostShards)
        {
            SimulationViolation.Unless(_damaged.Any(path => DamageBase.MayHarm(path, shard)), $"shard {shard} is lost: {cause.Message}");
            SimulationViolation.Unless(cause.Message.Contains($"shard {shard}", StringComparison.Ordinal)
                    || _damaged.Any(path => cause.Message.Contains(Path.GetDirectoryName(path)!, StringComparison.Ordinal)),
                $"shard {shard} is lost, and the error names neither it nor the damage: {cause.Message}");
        }

        foreach (var (shard, what) in opened.LostAnswers)
            SimulationViolation.Unless(_damaged.Any(path => DamageBase.MayHarm(path, shard)), $"{what} of shard {shard} is lost");
    }

    /// <summary>One bit of a segment and any damage to one header are always healed.</summary>
    private void CheckAllowed(DamageOutcome outcome)
    {
        var kind = store.KindOf(image.Path);
        if (image.Kind == DamageKind.Flip && kind is StoredFileKind.Segment or StoredFileKind.Header)
            SimulationViolation.Unless(outcome == DamageOutcome.Repaired, $"one bit of a {kind} is not healed: {outcome}");
        if (image.Kind is not (DamageKind.Gone or DamageKind.Old or DamageKind.Swap) && kind == StoredFileKind.Header)
            SimulationViolation.Unless(outcome == DamageOutcome.Repaired, $"one damaged header is not healed: {outcome}");
        // A stopped store's clock says to the byte what was synced; only one that took that with it loses its tail.
        var isProofLost = _damaged.Any(path => store.KindOf(path) == StoredFileKind.Clock);
        SimulationViolation.Unless(outcome != DamageOutcome.TornTail || !store.IsStopped || isProofLost, $"a store that was stopped loses its tail");
    }

    private bool MustBeFound()
    {
        if (_damaged.Any(path => store.KindOf(path) is StoredFileKind.Segment or StoredFileKind.Header or StoredFileKind.Claim or StoredFileKind.Descriptor))
            return image.Kind is not (DamageKind.Gone or DamageKind.Old or DamageKind.Swap);
        return image.Kind == DamageKind.Flip && store.Logs.IsProvenRecord(_disk, image.Path, image.At / 8);
    }
}
