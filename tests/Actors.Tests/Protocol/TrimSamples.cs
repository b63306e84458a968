using EntityActors.Actors.Protocol;
using EntityActors.Storage.Model;

namespace EntityActors.Actors.Tests.Protocol;

/// <summary>Messages that came with version 4 of the protocol, with optional parts both there and absent.</summary>
internal static class TrimSamples
{
    private static readonly Timestamp Time = new(1_700_000_000_123_456_789);

    public static IEnumerable<object> Protocol() =>
    [
        new LookAtHistory(Samples.Shard, "docs", Time, 10, 4_000_000_000, LookAtHistory.LimitMax),
        new LookAtHistory(Samples.Shard, "docs", default, 1, 0, 0),
        new TrimHistory(Samples.Shard, "docs", Time, 10, new CommandId(UInt128.MaxValue - 5), "me"),
        new HistoryLooked(Samples.Shard, Time, 3, 41, 640, 4_000_000_000),
        new HistoryLooked(Samples.Shard, default, 0, 0, 0, null),
        new ShardFault.HistoryTrimmed(Samples.Shard, Time),
        new ShardFault.CursorExpired(Samples.Shard, Time),
    ];
}
