namespace EntityActors.Simulation.Tests.Disk;

/// <summary>What a path of a store is, by its name.</summary>
internal enum FileKind
{
    Other = 1,
    Root,
    DataDirectory,
    StoreLock,
    Descriptor,
    DescriptorTemporary,
    NodesDirectory,
    NodeDirectory,
    LogDirectory,
    LogLock,
    LogFile,
    Spare,
    SpareTemporary,
    Clock,
    ShardsDirectory,
    ShardDirectory,
    Segment,
    Header,
    HeaderTemporary,
    EpochDirectory,
    Claim,
    Opened,
    ClaimTemporary,
    OpenedTemporary,
}

/// <summary>A kind of call on a kind of file: what a crash comes before.</summary>
internal readonly record struct CallPlace(DiskCallKind Call, FileKind File) : IComparable<CallPlace>
{
    public static CallPlace Of(DiskCall call) => new(call.Kind, KindOf(call.Path));

    public static FileKind KindOf(string path)
    {
        if (path == DiskState.Root) return FileKind.Root;
        var parts = path.Split('/');
        if (parts is not ["", "data", ..]) return FileKind.Other;
        return parts.AsSpan(2) switch
        {
            [] => FileKind.DataDirectory,
            ["lock"] => FileKind.StoreLock,
            ["store.json"] => FileKind.Descriptor,
            [var name] when name.StartsWith("store.json.", StringComparison.Ordinal) => FileKind.DescriptorTemporary,
            ["nodes"] => FileKind.NodesDirectory,
            ["nodes", _] => FileKind.NodeDirectory,
            ["nodes", _, _] => FileKind.LogDirectory,
            ["nodes", _, _, "lock"] => FileKind.LogLock,
            ["nodes", _, _, "clock"] => FileKind.Clock,
            ["nodes", _, _, "spare"] => FileKind.Spare,
            ["nodes", _, _, "spare.tmp"] => FileKind.SpareTemporary,
            ["nodes", _, _, var name] when name.EndsWith(".wal", StringComparison.Ordinal) => FileKind.LogFile,
            ["shards"] => FileKind.ShardsDirectory,
            ["shards", _] => FileKind.ShardDirectory,
            ["shards", _, "epoch"] => FileKind.EpochDirectory,
            ["shards", _, var name] => InShard(name),
            ["shards", _, "epoch", var name] => InEpochs(name),
            _ => FileKind.Other,
        };
    }

    public int CompareTo(CallPlace other) => Call != other.Call ? Call.CompareTo(other.Call) : File.CompareTo(other.File);

    public override string ToString() => $"{Call} {File}";

    private static FileKind InShard(string name)
    {
        if (name.EndsWith(".seg", StringComparison.Ordinal)) return FileKind.Segment;
        if (!name.StartsWith("header.", StringComparison.Ordinal)) return FileKind.Other;
        return name.EndsWith(".tmp", StringComparison.Ordinal) ? FileKind.HeaderTemporary : FileKind.Header;
    }

    private static FileKind InEpochs(string name)
    {
        var isOpened = name.Contains(".opened", StringComparison.Ordinal);
        if (name.EndsWith(".tmp", StringComparison.Ordinal)) return isOpened ? FileKind.OpenedTemporary : FileKind.ClaimTemporary;
        return isOpened ? FileKind.Opened : FileKind.Claim;
    }
}
