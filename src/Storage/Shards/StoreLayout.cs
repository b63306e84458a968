using EntityActors.Storage.Model;

namespace EntityActors.Storage.Shards;

/// <summary>Names of files and directories under the data directory, in one place.</summary>
public sealed class StoreLayout(string dataDirectory)
{
    public string Data { get; } = Path.GetFullPath(dataDirectory);

    public string Descriptor => Path.Combine(Data, "store.json");

    public string Lock => Path.Combine(Data, "lock");

    /// <summary>Held by the node of that name while it uses a shared directory.</summary>
    public string NodeLock(string node) => Path.Combine(CommitLog.LogLayout.NodesDirectory(Data), node, CommitLog.LogLayout.LockFile);

    /// <summary>Locks of the processes that serve the store, for as long as they live.</summary>
    public string Processes => Path.Combine(Data, "processes");

    /// <summary>Held, shared, by every process that is a member of a cluster.</summary>
    public string MembersLock => Path.Combine(Data, "members");

    /// <summary>Held by the process that begins a cluster, until it is a member.</summary>
    public string FoundingLock => Path.Combine(Data, "founding");

    public string Shards => Path.Combine(Data, "shards");

    public string Shard(ShardId shard) => Path.Combine(Shards, shard.ToString());

    /// <summary>Contents of a shard's entities that are too large for a change.</summary>
    public string Blobs(ShardId shard) => Path.Combine(Shard(shard), "blobs");

    /// <summary>Blobs that are being written.</summary>
    public string Uploads => Path.Combine(Data, "uploads");

    public string Segment(ShardId shard, Segments.SegmentId id) => Path.Combine(Shard(shard), $"{id.Epoch}-{id.Number}.seg");

    public string Header(ShardId shard, Epoch epoch, long generation) => Path.Combine(Shard(shard), $"header.{epoch}.{generation}");

    /// <summary>The epoch and generation in a header's file name.</summary>
    public static bool TryParseHeader(string name, out Epoch epoch, out long generation)
    {
        var parts = name.Split('.');
        epoch = default;
        generation = 0;
        if (parts.Length != 3 || parts[0] != "header" || !TryNumber(parts[1], out var e) || !TryNumber(parts[2], out generation)) return false;
        epoch = new Epoch(e);
        return true;
    }

    /// <summary>The id in a segment's file name.</summary>
    public static bool TryParseSegment(string name, out Segments.SegmentId id)
    {
        id = default;
        if (!name.EndsWith(".seg", StringComparison.Ordinal)) return false;
        var parts = name[..^4].Split('-');
        if (parts.Length != 2 || !TryNumber(parts[0], out var epoch) || !TryNumber(parts[1], out var number)) return false;
        id = new Segments.SegmentId(new Epoch(epoch), number);
        return true;
    }

    private static bool TryNumber(string text, out long number) =>
        long.TryParse(text, System.Globalization.NumberStyles.None, null, out number) && number > 0;
}
