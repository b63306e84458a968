using System.Collections.Immutable;
using EntityActors.Storage.Model;
using EntityActors.Storage.Shards;
using Xunit;

namespace EntityActors.Storage.Tests.Shards;

/// <summary>Random transactions of a shard, with what must come of each: all of it at one moment and in one event, or nothing.</summary>
internal sealed class RandomTransactions(Random random, RandomCommands commands, EntityLimits limits)
{
    private readonly List<Made> _made = [];

    // An accepted transaction, as its sender remembers it.
    private sealed record Made(EntityTransaction Transaction, ImmutableArray<Change> Changes, long Ticks);

    public EntityTransaction New(IReadOnlyDictionary<EntityKey, EntityHead> heads)
    {
        var keys = Enumerable.Range(0, random.Next(1, 9)).Select(_ => commands.Key()).Distinct().ToArray();
        var first = Command(keys[0]);
        return new EntityTransaction([.. keys.Select((key, index) => index == 0 ? first
            : Command(key) with { Id = first.Id, Author = first.Author, At = first.At })]);

        // A purge stands alone.
        EntityCommand Command(EntityKey key) => commands.Command(key, heads.GetValueOrDefault(key)) is var command && command is PurgeEntity
            ? new DeleteEntity(key, command.Id, command.Author, null, command.Condition)
            : command;
    }

    /// <summary>An earlier one, or an earlier one with another body; null when there is none.</summary>
    public EntityTransaction? Again(long ticks, long windowTicks, out bool isOther, out bool isWithin)
    {
        (isOther, isWithin) = (random.Next(5) == 0, false);
        if (_made.Count == 0) return null;
        var made = _made[random.Next(_made.Count)];
        isWithin = ticks - made.Ticks <= windowTicks;
        var operations = made.Transaction.Operations;
        return isOther ? new EntityTransaction([.. operations.Take(operations.Length - 1), operations[^1] with { Condition = RevisionCondition.MustBe(4711) }])
            : made.Transaction;
    }

    /// <summary>Compares an outcome with what the rules make of each operation alone.</summary>
    /// <returns>The changes of an accepted one with the states after them.</returns>
    public IReadOnlyList<(Change Change, EntityHead After)> Check(
        EntityTransaction transaction, PrepareResult result, IReadOnlyDictionary<EntityKey, EntityHead> heads, long ticks)
    {
        switch (result)
        {
            case PrepareResult.TransactionAccepted { Changes: var changes }:
                _made.Add(new Made(transaction, changes, ticks));
                return Check(transaction, changes, heads);
            case PrepareResult.TransactionRefused { Refusal.Code: RefusalCode.AtInFuture }:
                Assert.NotNull(transaction.At);
                break;
            case PrepareResult.TransactionRefused refused:
                var operation = transaction.Operations[refused.Operation];
                var alone = EntityRules.Decide(heads.GetValueOrDefault(operation.Key), operation, default, Timestamp.MaxValue, 0, 0, limits);
                Assert.Equal(refused.Refusal.Code, Assert.IsType<Decision.Refused>(alone).Refusal.Code);
                break;
            case PrepareResult.NotNow { Reason: NotNowReason.MemtableFull or NotNowReason.TooManyRecentCommands }:
                break;
            default:
                Assert.Fail($"{transaction} became {result}");
                break;
        }

        return [];
    }

    public void CheckDuplicate(EntityTransaction transaction, PrepareResult.TransactionDuplicate duplicate)
    {
        var changes = _made.Last(made => made.Transaction == transaction).Changes;
        Assert.Equal(changes[0].Sequence, duplicate.Sequence);
        Assert.Equal(changes.Select(change => (change.Revision, change.At)), duplicate.Applied);
    }

    /// <summary>No read sees a part of a transaction.</summary>
    public void CheckWhole(AsOf asOf)
    {
        foreach (var made in _made)
        {
            var seen = made.Changes.Count(asOf.Sees);
            Assert.True(seen == 0 || seen == made.Changes.Length, $"{seen} of {made.Changes.Length} changes of a transaction are seen as of {asOf}");
        }
    }

    /// <summary>What was not durable is lost as a whole.</summary>
    public void ForgetAfter(SequenceNumber last) => _made.RemoveAll(made => made.Changes[0].Sequence > last);

    private List<(Change Change, EntityHead After)> Check(
        EntityTransaction transaction, ImmutableArray<Change> changes, IReadOnlyDictionary<EntityKey, EntityHead> heads)
    {
        var checkedChanges = new List<(Change, EntityHead)>();
        Assert.Equal(transaction.Operations.Length, changes.Length);
        Assert.Single(changes.Select(change => (change.Sequence, change.At, change.Fingerprint, change.ElapsedSeconds)).Distinct());
        Assert.Single(changes.Select(change => StampBlock.EndOf(change.RecordedAt)).Distinct());
        var created = heads.Count;
        foreach (var (operation, change) in transaction.Operations.Zip(changes))
        {
            var head = heads.GetValueOrDefault(operation.Key);
            var expected = Assert.IsType<Decision.Accepted>(EntityRules.Decide(head, operation with { At = transaction.At ?? changes[0].At },
                change.Sequence, change.RecordedAt, change.ElapsedSeconds, (uint)created, limits));
            Assert.Equal(RandomShard.Bytes(expected.Change with { Fingerprint = change.Fingerprint }), RandomShard.Bytes(change));
            if (head is null) created++;
            checkedChanges.Add((change, expected.After));
        }

        return checkedChanges;
    }
}
