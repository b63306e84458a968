using EntityActors.Actors.Protocol;
using EntityActors.Storage.Model;

namespace EntityActors.Actors.Tests.Protocol;

/// <summary>Messages that came with version 3 of the protocol, with optional parts both there and absent.</summary>
internal static class DataSamples
{
    private static readonly CommandId Id = new(UInt128.MaxValue - 5);
    private static readonly Timestamp Time = new(1_700_000_000_123_456_789);

    private static readonly AsOf Moment = new(Time, Time.Plus(TimeSpan.FromSeconds(1)));
    private static readonly TagQuery Query = new("docs", [new TagPattern("kind:", true)], true, [], Lifecycle.Active);

    public static IEnumerable<object> Protocol() =>
    [
        new ExecuteTransaction(Samples.Shard, new EntityTransaction([
            new PutEntity(Samples.Key, Id, "me", Time, RevisionCondition.MustNotExist, [new Tag("kind:x")], new Content("text/plain", new byte[] { 1, 2 })),
            new DeleteEntity(Samples.Key with { Id = "b" }, Id, "me", Time, RevisionCondition.MustBe(4)),
        ])),
        new TransactionCommitted([new Commit(Samples.Key, 3, Time, Samples.Shard, new SequenceNumber(8), Duplicate: true)]),
        new TransactionRefused(1, new Refusal(RefusalCode.PreconditionFailed, "other revision", 4)),
        new SortEntities(Samples.Shard, Query, Moment, new EntitySort(SortField.Tag, "kind", true), new SortPlace("x"u8.ToArray(), 9), 100, true),
        new SortEntities(Samples.Shard, Query, Moment, new EntitySort(SortField.Created, null, false), null, 1, false),
        new EntitiesSorted(Samples.Shard, [new SortedEntity(new SortPlace("x"u8.ToArray(), 4_000_000_000), 300)], true, 7),
        new EntitiesSorted(Samples.Shard, [new SortedEntity(new SortPlace(Array.Empty<byte>(), -1), 0)], false, null),
        new GetByOrdinals(Samples.Shard, Moment, [4_000_000_000, 1], true),
        new ListDatasets(Samples.Shard, null, Moment, 100),
        new ListDatasets(Samples.Shard, "docs", Moment, 100),
        new DatasetsFound(Samples.Shard, [new DatasetCount("docs", 5)], true),
        new GetActive(Samples.Shard, "docs", ["a", "b"], Moment),
        new FindReferrers(Samples.Shard, "docs", "author", ["a"], Moment, 100),
        new FindReferrers(Samples.Shard, "docs", null, [], Moment, 1),
        new RelatedFound(Samples.Shard, [Samples.Head], true),
    ];
}
