using System.Collections.Immutable;
using EntityActors.Actors.Protocol;
using EntityActors.Storage.Model;
using EntityActors.Storage.Shards;

namespace EntityActors.Actors.Shards;

/// <summary>What the shard's writer made of a write, with the answer to its sender.</summary>
internal abstract record WriteOutcome
{
    private WriteOutcome()
    {
    }

    /// <param name="Sequence">The answer waits until this event is applied.</param>
    /// <param name="IsNew">False for a write that was made before.</param>
    public sealed record Committed(SequenceNumber Sequence, bool IsNew, object Answer) : WriteOutcome;

    public sealed record Refused(object Answer) : WriteOutcome;

    /// <summary>This entity has to be read from disk first.</summary>
    public sealed record NeedsLoad(EntityKey Key) : WriteOutcome;

    public sealed record NotNow(NotNowReason Reason) : WriteOutcome;
}

/// <summary>A command or a transaction that a shard has not answered yet.</summary>
internal abstract record PendingWrite(Ticket Ticket, CommandId Id)
{
    /// <summary>The command id of a request that writes; null for all others.</summary>
    public static CommandId? IdOf(IShardRequest request) => request switch
    {
        ExecuteCommand execute => execute.Command.Id,
        ExecuteTransaction execute => execute.Transaction.Id,
        TrimHistory trim => trim.Id,
        _ => null,
    };

    /// <summary>Entities that it changes.</summary>
    public abstract IEnumerable<EntityKey> Keys { get; }

    public abstract WriteOutcome Prepare(ShardStore store);

    /// <summary>The trim as a command of the shard.</summary>
    public static OfCommand Of(Ticket ticket, TrimHistory trim, int shardCount) =>
        new(ticket, HistoryTrim.Command(trim.Dataset, trim.Shard, shardCount, trim.Before, trim.KeepChanges, trim.Id, trim.Author), IsTrim: true);

    /// <param name="IsTrim">It was not sent as a command: what records trims takes no others.</param>
    public sealed record OfCommand(Ticket Ticket, EntityCommand Command, bool IsTrim = false) : PendingWrite(Ticket, Command.Id)
    {
        public override IEnumerable<EntityKey> Keys => [Command.Key];

        public override WriteOutcome Prepare(ShardStore store) => !IsTrim && Command.Key.Dataset == HistoryTrim.StoredIn
            ? new WriteOutcome.Refused(new CommandRefused(new Refusal(RefusalCode.Invalid, $"{HistoryTrim.StoredIn} takes no commands", 0)))
            : PrepareCommand(store);

        private WriteOutcome PrepareCommand(ShardStore store) => store.Prepare(Command) switch
        {
            PrepareResult.Accepted { Change: var change } => Done(store.Shard, change.Revision, change.At, change.Sequence, isNew: true),
            PrepareResult.Duplicate first => Done(store.Shard, first.Revision, first.At, first.Sequence, isNew: false),
            PrepareResult.Refused refused => new WriteOutcome.Refused(new CommandRefused(refused.Refusal)),
            PrepareResult.NeedsLoad cold => new WriteOutcome.NeedsLoad(cold.Key),
            PrepareResult.NotNow later => new WriteOutcome.NotNow(later.Reason),
            _ => throw new InvariantViolationException("an unknown outcome of a command"),
        };

        private WriteOutcome.Committed Done(ShardId shard, long revision, Timestamp at, SequenceNumber sequence, bool isNew) =>
            new(sequence, isNew, new CommandCommitted(new Commit(Command.Key, revision, at, shard, sequence, Duplicate: !isNew)));
    }

    public sealed record OfTransaction(Ticket Ticket, EntityTransaction Transaction) : PendingWrite(Ticket, Transaction.Id)
    {
        public override IEnumerable<EntityKey> Keys => Transaction.Operations.Select(static operation => operation.Key);

        public override WriteOutcome Prepare(ShardStore store) => store.Prepare(Transaction) switch
        {
            PrepareResult.TransactionAccepted accepted =>
                Done(store.Shard, [.. accepted.Changes.Select(static change => (change.Revision, change.At))], accepted.Sequence, isNew: true),
            PrepareResult.TransactionDuplicate first => Done(store.Shard, first.Applied, first.Sequence, isNew: false),
            PrepareResult.TransactionRefused refused => new WriteOutcome.Refused(new TransactionRefused(refused.Operation, refused.Refusal)),
            PrepareResult.NeedsLoad cold => new WriteOutcome.NeedsLoad(cold.Key),
            PrepareResult.NotNow later => new WriteOutcome.NotNow(later.Reason),
            _ => throw new InvariantViolationException("an unknown outcome of a transaction"),
        };

        private WriteOutcome.Committed Done(ShardId shard, ImmutableArray<(long Revision, Timestamp At)> applied, SequenceNumber sequence, bool isNew)
        {
            var commits = Transaction.Operations.Zip(applied, (operation, change) =>
                new Commit(operation.Key, change.Revision, change.At, shard, sequence, Duplicate: !isNew));
            return new WriteOutcome.Committed(sequence, isNew, new TransactionCommitted([.. commits]));
        }
    }
}
