using System.ComponentModel;
using EntityActors.Actors.Protocol;

namespace EntityActors.Host.Http.OpenApi;

[Description("A shard, as its owner tells. What is not known is null.")]
internal sealed record ShardShape
{
    public required int Shard { get; init; }

    public required ShardStatus Status { get; init; }

    public required string? Detail { get; init; }

    [Description("Node that owns it.")]
    public required string? Node { get; init; }

    [Description("Counts its owners.")]
    public required long? Epoch { get; init; }

    [Description("Of the header.")]
    public required long? Generation { get; init; }

    public required long? Sequence { get; init; }

    [Description("Sequence number that the header covers.")]
    public required long? CheckpointedSequence { get; init; }

    public required long? Entities { get; init; }

    public required long? Tags { get; init; }

    public required long? Segments { get; init; }

    public required long? SegmentBytes { get; init; }

    [Description("Estimated.")]
    public required long? MemtableBytes { get; init; }

    [Description("Since its owner started it.")]
    public required long CheckpointsCommitted { get; init; }

    [Description("Checkpoints given up, since its owner started it.")]
    public required long CheckpointsRestored { get; init; }

    public required long Restarts { get; init; }
}

internal sealed record ShardsShape
{
    public required ShardShape[] Items { get; init; }
}

internal sealed record CheckpointShape
{
    public required int Shard { get; init; }

    public required bool Committed { get; init; }

    public required long Generation { get; init; }

    public required string? Detail { get; init; }
}

internal sealed record VerifyShape
{
    public required int Shard { get; init; }

    [Description("Damage that is there afterwards.")]
    public required string[] Findings { get; init; }

    public required string[] Repaired { get; init; }

    public required long BytesChecked { get; init; }
}

internal sealed record MemberShape
{
    public required string Address { get; init; }

    public required string? Node { get; init; }

    public required long Uid { get; init; }

    public required string Status { get; init; }

    public required string[] Roles { get; init; }

    public required bool Reachable { get; init; }

    public required bool Leader { get; init; }

    public required bool Self { get; init; }
}

internal sealed record ClusterShape
{
    public required MemberShape[] Members { get; init; }
}

internal sealed record LiveShape
{
    public required string Status { get; init; }
}

internal sealed record ReadyShape
{
    public required string Status { get; init; }

    public required int Serving { get; init; }

    public required int Shards { get; init; }

    [Description("Places with damage that are not mended yet; absent when there are none.")]
    public long? DamagedPlaces { get; init; }
}
