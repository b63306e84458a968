using EntityActors.Simulation.Tests.Disk;
using EntityActors.Simulation.Tests.Model;
using EntityActors.Simulation.Tests.Stores;
using EntityActors.Storage.Integrity;
using EntityActors.Storage.Model;

namespace EntityActors.Simulation.Tests.Owners;

/// <summary>What must hold of the disk that a run left, whoever was fenced, killed or cut off in it: told by an inspector and by two owners more.</summary>
internal static class OwnerVerification
{
    /// <exception cref="SimulationViolation">A promise was broken.</exception>
    public static void Check(OwnerScenario scenario, OwnerOutcome outcome, DiskState state)
    {
        Inspect(state);
        var disk = new OwnerDisk(state);
        var history = new OwnerHistory();
        var next = Start("v", disk, history, 200);
        var found = HistoryOf(next);
        outcome.History.Check(outcome.Before, found);
        var other = next.SequenceOf(OwnerProcess.Other);
        SimulationViolation.Unless(other >= 1 + outcome.OtherAcknowledged,
            $"the other shard ends at event {other}, but {outcome.OtherAcknowledged} were acknowledged after its first");
        // Every client sends again what it wrote, answered or not.
        foreach (var label in outcome.History.All.Where(asked => asked.Label is not null).Select(asked => asked.Label!).Distinct())
            next.Write(OwnerProcess.Contested, label);
        var before = OwnerHistory.Join(found.Select(change => change.Label));
        history.Check(before, HistoryOf(next));
        next.Checkpoint(force: true);
        next.Trim();
        next.Write(OwnerProcess.Contested, "v1");
        next.Checkpoint(force: true);
        next.Trim();
        next.Checkpoint(force: false);
        next.Trim();
        var left = HistoryOf(next);
        disk.Kill(next.Files);
        Inspect(disk.Files.State);
        var last = Start("w", disk, history, 201);
        history.Check(before, HistoryOf(last));
        SimulationViolation.Unless(left.SequenceEqual(HistoryOf(last)), $"a restart after checkpoints finds another history");
    }

    private static OwnerProcess Start(string name, OwnerDisk disk, OwnerHistory history, int seed)
    {
        var process = new OwnerProcess(name, new OwnerFileSystem(disk, 0), history, SimulationOptions.Start + TimeSpan.FromSeconds(2), seed);
        process.Open(OwnerProcess.Contested);
        process.Open(OwnerProcess.Other);
        return process;
    }

    private static List<(string Label, Timestamp RecordedAt)> HistoryOf(OwnerProcess process)
    {
        var changes = process.ReadAll();
        var sequence = process.SequenceOf(OwnerProcess.Contested);
        SimulationViolation.Unless(sequence == changes.Count, $"the shard ends at event {sequence}, and {changes.Count} changes are found");
        for (var i = 0; i < changes.Count; i++)
        {
            SimulationViolation.Unless(changes[i].Revision == i + 1 && changes[i].Sequence.Value == i + 1,
                $"change {i + 1} is revision {changes[i].Revision}, event {changes[i].Sequence}");
            SimulationViolation.Unless(i == 0 || changes[i].RecordedAt > changes[i - 1].RecordedAt,
                $"change {i + 1} was recorded at {changes[i].RecordedAt}, the one before it at {changes[Math.Max(i - 1, 0)].RecordedAt}");
        }

        return [.. changes.Select(change => (change.Author, change.RecordedAt))];
    }

    private static void Inspect(DiskState disk) => _ = StoreInspector.Inspect(new SimulatedFileSystem(disk), SimulationOptions.DataDirectory,
        finding => SimulationViolation.Unless(finding.Severity != Severity.Damage, $"the inspector finds damage in {finding.Path}: {finding.Sentence}"), null);
}
