using System.Collections.Immutable;
using EntityActors.Actors.Protocol;
using EntityActors.Storage.Model;

namespace EntityActors.Actors.Tests.Protocol;

/// <summary>At least one message of every protocol type, with optional parts both there and absent.</summary>
internal static class Samples
{
    public static readonly ShardId Shard = new(7);
    public static readonly EntityKey Key = new("docs", "a/ü 1");
    private static readonly CommandId Id = new(UInt128.MaxValue - 5);
    private static readonly Timestamp Time = new(1_700_000_000_123_456_789);
    private static readonly ImmutableArray<Tag> Tags = [new("kind:x"), new("z:ä")];
    private static readonly Content Text = new("text/plain", new byte[] { 1, 2, 3 });
    private static readonly AsOf Moment = new(Time, Time.Plus(TimeSpan.FromSeconds(1)));
    private static readonly TagQuery Query =
        new("docs", [new("kind:", true), new("a:b", false)], true, [new("no:t", false)], Lifecycle.Active);

    private static readonly Carried.Elsewhere Elsewhere =
        new("akka.tcp://entityactors@127.0.0.1:2551/system/entityactors-transfers#5", UInt128.MaxValue - 7, 300_000, 0xDEADBEEF, PackedKind.Protocol, "q1");

    public static readonly EntityHead Head = new(Key, 4_000_000_000, 3, Lifecycle.Deleted, Time, Time, Time, Tags, 2, "text/plain", 3);

    public static readonly Change Change = new(Key, 9, 1, new SequenceNumber(5), Time, Time, 12, Id, 99, "me", Tags, [], Lifecycle.Active, 1, Text);

    public static IEnumerable<object> Protocol() => Earlier().Concat(DataSamples.Protocol()).Concat(TrimSamples.Protocol());

    /// <summary>Messages that there were before version 3 of the protocol.</summary>
    public static IEnumerable<object> Earlier() =>
    [
        new ExecuteCommand(Shard, new PutEntity(Key, Id, "me", Time, RevisionCondition.MustBe(4), Tags, Text)),
        new ExecuteCommand(Shard, new PutEntity(Key, Id, "", null, default, [], null)),
        new ExecuteCommand(Shard, new ChangeTags(Key, Id, "me", null, RevisionCondition.MustExist, Tags, [])),
        new ExecuteCommand(Shard, new PutContent(Key, Id, "me", null, RevisionCondition.MustNotExist, Text)),
        new ExecuteCommand(Shard, new DeleteEntity(Key, Id, "me", null, default)),
        new ExecuteCommand(Shard, new RestoreEntity(Key, Id, "me", Time, default)),
        new GetEntity(Shard, Key, null, true),
        new GetEntity(Shard, Key, Time, false),
        new GetHistory(Shard, new HistoryQuery(Key, Time, null, 3, 100)),
        new RaiseReadTime(Shard, Time),
        new FindEntities(Shard, Query, Moment, 17, 100, true, false),
        new FindEntities(Shard, Query with { Lifecycle = null, Tags = [] }, Moment, 0, 0, false, true),
        new ListTags(Shard, "docs", "kind:", null, Moment, 10),
        new ListTags(Shard, "docs", "", "kind:x", Moment, 10),
        new GetChanges(Shard, Time, new ChangeFilter("docs", new TagPattern("kind:", true)), 100, 1 << 18, TimeSpan.FromSeconds(5)),
        new GetChanges(Shard, default, default, 1, 0, TimeSpan.Zero),
        new GetShardState(Shard),
        new CheckpointShard(Shard),
        new VerifyShard(Shard, Repair: false),
        new VerifyShard(Shard, Repair: true),
        new RestartShard(Shard),
        new WakeShard(Shard),
        new DescribeStore(Shard),
        DrainShard.Instance,
        new CommandCommitted(new Commit(Key, 3, Time, Shard, new SequenceNumber(8), true)),
        new CommandRefused(new Refusal(RefusalCode.PreconditionFailed, "other revision", 4)),
        new EntityFound(null),
        new EntityFound(new EntitySnapshot(Head, Text)),
        new EntityFound(new EntitySnapshot(Head, Content.Cleared)),
        new HistoryFound(new HistoryPage([Change, Change with { Content = null, At = new Timestamp(5) }], true, false)),
        new ReadTimeRaised(Shard, Time),
        new EntitiesFound(Shard, [new EntitySnapshot(Head, null)], 18, 300),
        new EntitiesFound(Shard, [], null, null),
        new TagsFound(Shard, [new TagCount("kind:x", 4)], true),
        new ChangesFound(Shard, [Change, Change with { Content = null }], Time, true),
        new ChangesFound(Shard, [], Time, false),
        new StoreDescription(64, EntityLimits.Default),
        new ShardFault.Busy(Shard, "full", TimeSpan.FromMilliseconds(50)),
        new ShardFault.Unavailable(Shard, "recovering", true, TimeSpan.FromSeconds(1), "node-2"),
        new ShardFault.OutcomeUnknown(Shard, Id),
        new ShardFault.Corrupted(Shard, "block 5"),
        new ShardFault.InvalidQuery(Shard, "future"),
        new ShardCall(Shard, new Carried.Whole(new GetEntity(Shard, Key, null, true)), TakesReference: true),
        new ShardCall(Shard, new Carried.Whole(new ExecuteCommand(Shard, new DeleteEntity(Key, Id, "me", null, default))), TakesReference: true),
        new ShardCall(Shard, new Carried.Whole(new ShardFault.InvalidQuery(Shard, "too large")), TakesReference: false),
        new ShardCall(Shard, Elsewhere, TakesReference: false),
        new ShardAnswer(Shard, new Carried.Whole(new EntityFound(new EntitySnapshot(Head, Text)))),
        new ShardAnswer(Shard, new Carried.Whole(new VerifyOutcome(Shard, ["one"], [], VerifyRemedy.None, 1))),
        new ShardAnswer(Shard, Elsewhere with { Kind = PackedKind.Administration, Manifest = "a3" }),
        new FetchChunk(UInt128.MaxValue - 7, 131_072, 131_072),
        new TransferChunk(UInt128.MaxValue - 7, 131_072, new byte[] { 1, 2, 3 }),
        new TransferGone(UInt128.MaxValue - 7),
        new ChangeBatch(new Epoch(3), new SequenceNumber(5), [Change, Change with { Added = [], Content = Content.Cleared }]),
    ];

    public static IEnumerable<object> Administration() =>
    [
        new ShardState(Shard, ShardStatus.Serving, null, "node", 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12),
        new ShardState(Shard, ShardStatus.Quarantined, "damage", null, null, null, null, null, null, null, null, null, null, 0, 0, 3),
        new CheckpointOutcome(Shard, true, 4, "Flush up to event 9"),
        new VerifyOutcome(Shard, ["one", "two"], ["three"], VerifyRemedy.CheckpointsAndRestart, 1234),
        new VerifyOutcome(Shard, [], [], VerifyRemedy.None, 0),
    ];
}
