using EntityActors.Actors.Protocol;
using EntityActors.Storage.Model;

namespace EntityActors.Actors.Tests.Protocol;

/// <summary>Messages that came with version 3 of the protocol, with optional parts both there and absent.</summary>
internal static class DataSamples
{
    private static readonly CommandId Id = new(UInt128.MaxValue - 5);
    private static readonly Timestamp Time = new(1_700_000_000_123_456_789);

    public static IEnumerable<object> Protocol() =>
    [
        new ExecuteTransaction(Samples.Shard, new EntityTransaction([
            new PutEntity(Samples.Key, Id, "me", Time, RevisionCondition.MustNotExist, [new Tag("kind:x")], new Content("text/plain", new byte[] { 1, 2 })),
            new DeleteEntity(Samples.Key with { Id = "b" }, Id, "me", Time, RevisionCondition.MustBe(4)),
        ])),
        new TransactionCommitted([new Commit(Samples.Key, 3, Time, Samples.Shard, new SequenceNumber(8), Duplicate: true)]),
        new TransactionRefused(1, new Refusal(RefusalCode.PreconditionFailed, "other revision", 4)),
    ];
}
