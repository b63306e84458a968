using EntityActors.Simulation.Tests.Disk;

namespace EntityActors.Simulation.Tests.Tests;

/// <summary>Every kind of call by which the store changes its disk: each must be crashed at in every family of workloads.</summary>
internal static class StoreCalls
{
    public static IReadOnlyList<CallPlace> All { get; } =
    [
        .. On(DiskCallKind.Create, FileKind.DescriptorTemporary, FileKind.LogFile, FileKind.SpareTemporary, FileKind.Clock,
            FileKind.Segment, FileKind.HeaderTemporary, FileKind.ClaimTemporary, FileKind.OpenedTemporary),
        .. On(DiskCallKind.MakeDirectory, FileKind.DataDirectory, FileKind.NodesDirectory, FileKind.NodeDirectory,
            FileKind.LogDirectory, FileKind.ShardsDirectory, FileKind.ShardDirectory, FileKind.EpochDirectory),
        .. On(DiskCallKind.Link, FileKind.Descriptor, FileKind.Header, FileKind.Claim, FileKind.Opened),
        .. On(DiskCallKind.Rename, FileKind.LogFile, FileKind.Spare, FileKind.SpareTemporary),
        .. On(DiskCallKind.Delete, FileKind.DescriptorTemporary, FileKind.LogLock, FileKind.LogFile, FileKind.Spare,
            FileKind.SpareTemporary, FileKind.Clock, FileKind.Segment, FileKind.Header, FileKind.HeaderTemporary, FileKind.Claim,
            FileKind.Opened, FileKind.ClaimTemporary, FileKind.OpenedTemporary),
        .. On(DiskCallKind.DeleteDirectory, FileKind.LogDirectory),
        .. On(DiskCallKind.SyncDirectory, FileKind.Root, FileKind.DataDirectory, FileKind.NodesDirectory, FileKind.NodeDirectory,
            FileKind.LogDirectory, FileKind.ShardsDirectory, FileKind.ShardDirectory, FileKind.EpochDirectory),
        .. On(DiskCallKind.Lock, FileKind.StoreLock, FileKind.LogLock),
        .. On(DiskCallKind.Write, FileKind.DescriptorTemporary, FileKind.LogFile, FileKind.SpareTemporary, FileKind.Clock,
            FileKind.Segment, FileKind.HeaderTemporary, FileKind.ClaimTemporary, FileKind.OpenedTemporary),
        .. On(DiskCallKind.Sync, FileKind.DescriptorTemporary, FileKind.LogFile, FileKind.SpareTemporary, FileKind.Clock,
            FileKind.Segment, FileKind.HeaderTemporary, FileKind.ClaimTemporary, FileKind.OpenedTemporary),
    ];

    private static IEnumerable<CallPlace> On(DiskCallKind call, params FileKind[] files) => files.Select(file => new CallPlace(call, file));
}
