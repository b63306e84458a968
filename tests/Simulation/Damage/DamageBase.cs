using System.Collections.Immutable;
using EntityActors.Simulation.Tests.Disk;
using EntityActors.Simulation.Tests.Exploration;
using EntityActors.Simulation.Tests.Model;
using EntityActors.Simulation.Tests.Stores;
using EntityActors.Storage.CommitLog;
using EntityActors.Storage.Model;
using EntityActors.Storage.Shards;

namespace EntityActors.Simulation.Tests.Damage;

/// <summary>A small store with everything on its disk, what it must answer, and what its files held before.</summary>
/// <remarks>
/// The answers are the model's; that the undamaged store gives them is compared first. A killed store ends with a group that nothing behind
/// it proves to be synced; a stopped one knows to the byte what was.
/// </remarks>
internal sealed class DamageBase
{
    private const int OlderVersions = 12;
    private const int UnreadStep = 509;

    /// <summary>One kind of life for all: what matters here is what is done to the files afterwards.</summary>
    public static readonly WorkloadFamily Family = new("damage");

    private static readonly StoreLayout Layout = new(SimulationOptions.DataDirectory);

    private readonly HashSet<string> _needed = new(StringComparer.Ordinal);
    private readonly Dictionary<string, List<FileContent>> _older = new(StringComparer.Ordinal);

    private DamageBase(long seed, int operations, bool isStopped)
    {
        (Seed, Operations, IsStopped) = (seed, operations, isStopped);
        var store = new SimulatedStore(Family, DiskState.Empty, SimulatedStore.NoPromises, SimulationOptions.Start, CrashPath.None.RandomFor(seed, purpose: 20));
        store.Open();
        var activity = new StoreActivity(store);
        var before = new List<DiskState>();
        for (var i = 0; i < operations; i++)
        {
            if (i % Math.Max(1, operations / OlderVersions) == 0) before.Add(store.Files.State);
            activity.Step();
        }

        Put(store);
        store.Compare(isThorough: true);
        if (isStopped) store.Close();
        (Promises, Wall) = (store.Promises, store.Time.GetUtcNow());
        Disk = Durable(store.Files.State);
        Paths = [.. StoredFiles.Paths(Disk)];
        foreach (var path in Paths) _older[path] = Earlier(before, path);
        Logs = new LogProof(Disk);
        var headers = new HeaderStore(new SimulatedFileSystem(Disk), Layout, static (_, _) => true);
        for (var i = 0; i < SimulationOptions.ShardCount; i++)
        {
            var shard = new ShardId(i);
            foreach (var epoch in new EpochClaims(new SimulatedFileSystem(Disk), Layout.Data).List(shard))
            {
                _needed.Add($"{Layout.Shard(shard)}/epoch/{epoch}");
                _needed.Add($"{Layout.Shard(shard)}/epoch/{epoch}.opened");
            }

            foreach (var header in headers.List(shard))
            {
                _needed.Add(Layout.Header(shard, header.Epoch, header.Generation));
                foreach (var segment in header.Segments) _needed.Add(Layout.Segment(shard, segment.Id));
            }
        }
    }

    public long Seed { get; }

    public int Operations { get; }

    public bool IsStopped { get; }

    public DiskState Disk { get; }

    public ImmutableArray<ModelPromise> Promises { get; }

    public DateTimeOffset Wall { get; }

    public ImmutableArray<string> Paths { get; }

    /// <summary>What the undamaged logs hold and prove.</summary>
    public LogProof Logs { get; }

    public static DamageBase Of(long seed, int operations, bool isStopped) => new(seed, operations, isStopped);

    /// <summary>Every image of one kind, in the order of the files.</summary>
    public IEnumerable<DamageImage> Images(DamageKind kind)
    {
        for (var i = 0; i < Paths.Length; i++)
        {
            var count = CountOf(kind, i);
            // Of what nobody reads, one place in many.
            var step = KindOf(Paths[i]) == StoredFileKind.Other && kind is (DamageKind.Flip or DamageKind.Cut) ? UnreadStep : 1;
            for (var at = kind == DamageKind.Swap ? i + 1L : 0; at < count; at += step) yield return new DamageImage(kind, Paths[i], at);
        }
    }

    /// <summary>What the file is; a segment that no header lists is none, nor a header that was replaced before it was committed, nor what stands beside no claim.</summary>
    public StoredFileKind KindOf(string path)
    {
        var kind = StoredFileKinds.Of(path);
        return kind is StoredFileKind.Segment or StoredFileKind.Header or StoredFileKind.Claim && !_needed.Contains(path) ? StoredFileKind.Other : kind;
    }

    /// <summary>Whether the file belongs to this shard; those of logs belong to all.</summary>
    public static bool MayHarm(string path, ShardId shard) => !path.StartsWith(Layout.Shards, StringComparison.Ordinal)
        || path.StartsWith(Layout.Shard(shard) + "/", StringComparison.Ordinal);

    public DiskState Apply(DamageImage image)
    {
        var content = StoredFiles.Content(Disk, image.Path);
        switch (image.Kind)
        {
            case DamageKind.Flip:
                Span<byte> one = stackalloc byte[1];
                _ = content.Read(image.At / 8, one);
                one[0] ^= (byte)(1 << (int)(image.At % 8));
                return StoredFiles.With(Disk, image.Path, content.Write(image.At / 8, one));
            case DamageKind.Cut:
                return StoredFiles.With(Disk, image.Path, content.Resize(image.At));
            case DamageKind.Zero:
                var start = image.At * FileContent.SectorBytes;
                return StoredFiles.With(Disk, image.Path, content.Write(start, new byte[Math.Min(FileContent.SectorBytes, content.Length - start)]));
            case DamageKind.Old:
                return StoredFiles.With(Disk, image.Path, _older[image.Path][(int)image.At]);
            case DamageKind.Gone:
                return StoredFiles.Without(Disk, image.Path);
            case DamageKind.Swap:
                var other = Paths[(int)image.At];
                return StoredFiles.With(StoredFiles.With(Disk, image.Path, StoredFiles.Content(Disk, other)), other, content);
            default:
                throw new InvalidOperationException($"unknown kind {image.Kind}");
        }
    }

    /// <summary>Paths whose bytes the image changes.</summary>
    public string[] Damaged(DamageImage image) =>
        image.Kind == DamageKind.Swap ? [image.Path, Paths[(int)image.At]] : [image.Path];

    private long CountOf(DamageKind kind, int file)
    {
        var length = StoredFiles.Content(Disk, Paths[file]).Length;
        return kind switch
        {
            DamageKind.Flip => length * 8,
            DamageKind.Cut => length,
            DamageKind.Zero => (length + FileContent.SectorBytes - 1) / FileContent.SectorBytes,
            DamageKind.Old => _older[Paths[file]].Count,
            DamageKind.Gone => 1,
            DamageKind.Swap => Paths.Length,
            _ => throw new InvalidOperationException($"unknown kind {kind}"),
        };
    }

    private List<FileContent> Earlier(List<DiskState> before, string path)
    {
        var versions = new List<FileContent>();
        var seen = new HashSet<ulong> { StoredFiles.Content(Disk, path).Digest };
        foreach (var disk in before)
        {
            if (!StoredFiles.Paths(disk).Contains(path)) continue;
            var content = StoredFiles.Content(disk, path);
            if (seen.Add(content.Digest)) versions.Add(content);
        }

        return versions;
    }

    /// <summary>The last change of every shard is acknowledged, and nothing behind it says so.</summary>
    private static void Put(SimulatedStore store)
    {
        for (var i = 0; i < SimulationOptions.ShardCount; i++)
        {
            var key = Enumerable.Range(0, int.MaxValue).Select(number => new EntityKey(Workload.Dataset, $"last{number}"))
                .First(key => key.ShardOf(SimulationOptions.ShardCount).Value == i);
            _ = store.Prepare(new ShardId(i), new PutEntity(key, new CommandId((UInt128)(1000 + i)), "ann", null, default, [new Tag(Workload.Tags[0].Text)], null));
            store.Commit();
        }
    }

    /// <summary>The disk as it is for ever: what is damaged here was synced, or a process that was killed had written it.</summary>
    private static DiskState Durable(DiskState disk) => disk.Cut(CrashChoice.Of(CrashChoice.KeepAll, new Random(0)));
}
