using System.Collections.Concurrent;
using System.Collections.Immutable;
using EntityActors.Storage.Blobs;
using EntityActors.Storage.CommitLog;
using EntityActors.Storage.Io;
using EntityActors.Storage.Model;
using EntityActors.Storage.Segments;

namespace EntityActors.Storage.Shards;

/// <summary>The store of one process: data directory, lock, commit log, headers, block cache. Thread-safe.</summary>
public sealed class NodeStore : IDisposable
{
    private readonly IDisposable _lock;
    private readonly IDisposable? _nodeLock;
    private const string DefaultNode = "node";
    private const int NodeNumberMax = 1000;

    // Weak: a shard that has stopped must not keep its memtables because nobody opened it again.
    private readonly ConcurrentDictionary<ShardId, WeakReference<ShardStore>> _served = [];
    private IDisposable? _process;

    private NodeStore(NodeStoreOptions options, IFileSystem files, StoreLayout layout, StoreDescriptor descriptor, NodeLog log,
        StoreProcess process, IDisposable storeLock, IDisposable? nodeLock)
    {
        (Options, Files, Layout, Descriptor, Log) = (options, files, layout, descriptor, log);
        (_lock, _nodeLock) = (storeLock, nodeLock);
        Headers = new HeaderStore(files, layout, log.IsStillOwner);
        Cache = new BlockCache(options.BlockCacheBytes) { WindowChangesMax = options.FeedWindowChangesMax };
        Purges = new PurgedLogs(this);
        var claims = new EpochClaims(files, layout.Data);
        BlobFiles = new BlobFiles(files, layout.Blobs, layout.Uploads, shard => claims.List(shard) is [.., var newest] ? newest : default,
            () => System.Buffers.Binary.BinaryPrimitives.ReadUInt128BigEndian(process.NewGuid().ToByteArray(bigEndian: true)));
        Processes = new ProcessLocks(files, layout.Processes, Machine.BootId);
    }

    public NodeStoreOptions Options { get; }

    public StoreDescriptor Descriptor { get; }

    public NodeLog Log { get; }

    public HeaderStore Headers { get; }

    public IFileSystem Files { get; }

    public StoreLayout Layout { get; }

    public BlockCache Cache { get; }

    /// <summary>Contents that are too large for a change.</summary>
    public IBlobStore Blobs => BlobFiles;

    internal BlobFiles BlobFiles { get; }

    /// <summary>Which processes of this machine that serve the store are dead.</summary>
    public ProcessLocks Processes { get; }

    /// <summary>Lets go of what the logs hold of purged entities.</summary>
    public PurgedLogs Purges { get; }

    /// <summary>Damage that was met while serving, repaired or not.</summary>
    public DamageReports Damage { get; } = new();

    /// <summary>Opens the store, or creates one where there is nothing.</summary>
    /// <exception cref="StoreUnusableException">It cannot be used, and why. Nothing was changed or created.</exception>
    public static NodeStore Open(NodeStoreOptions options, IFileSystem files, TimeProvider time) =>
        Open(options, files, time, StoreProcess.Current);

    internal static NodeStore Open(NodeStoreOptions options, IFileSystem files, TimeProvider time, StoreProcess process)
    {
        var layout = new StoreLayout(options.DataDirectory);
        try
        {
            if (!files.FileExists(layout.Descriptor)) CheckCreatable(options, files, layout);
            files.CreateDirectory(layout.Data);
            var storeLock = TakeLock(options, files, layout);
            try
            {
                return OpenLocked(options, files, layout, time, process, storeLock);
            }
            catch
            {
                storeLock.Dispose();
                throw;
            }
        }
        catch (StoreIoException failure)
        {
            throw Unusable(layout, failure);
        }
    }

    /// <summary>Claims the shard under a new epoch and recovers it up to its log. Blocks on disk.</summary>
    /// <param name="generationsBack">How many of the newest usable headers to pass over, for a longer replay.</param>
    /// <param name="toleratesLoss">
    /// Whether replay goes on without an entity whose state in the segments is damaged: reads and writes of that one are refused,
    /// and no checkpoint is written. To be asked for only after an earlier header was tried.
    /// </param>
    /// <exception cref="CorruptDataException">What is needed is damaged beyond repair.</exception>
    /// <exception cref="StaleEpochException">Another owner has claimed the shard meanwhile.</exception>
    /// <exception cref="StoreIoException">The disk refused.</exception>
    public ShardStore OpenShard(ShardId shard, int generationsBack, bool toleratesLoss = false)
    {
        Files.CreateDirectory(Layout.Shard(shard));
        ImmutableArray<HeaderFile> headers = [];
        var takeover = Log.TakeOver(shard, () =>
        {
            // Listed after the claim: from here on no earlier owner can commit another one. One that a killed owner had just linked must
            // not vanish in a later power cut: which claims are still needed is decided by it.
            Files.SyncDirectory(Layout.Shard(shard));
            headers = Headers.ListFiles(shard);
            return CoverageOf(headers);
        });
        return Log.AsOwner(shard, takeover.Epoch, () => Serve(shard, takeover, headers, generationsBack, toleratesLoss));
    }

    /// <summary>The shard as it was last opened here; it may have stopped since.</summary>
    internal ShardStore? Served(ShardId shard) =>
        _served.TryGetValue(shard, out var reference) && reference.TryGetTarget(out var store) ? store : null;

    /// <summary>Gives every applied change of a shard served here that is in no segment yet, and perhaps some that are.</summary>
    public void AddChangesInMemory(ShardId shard, Action<Change> add)
    {
        using var view = Served(shard)?.TryView();
        foreach (var change in view?.ChangesInMemory() ?? []) add(change);
    }

    /// <summary>After a commit: removes what two committed headers no longer need. A fenced owner removes nothing. Any thread.</summary>
    public void Trim(CheckpointResult result)
    {
        var (shard, epoch) = (result.Plan.Shard, result.Plan.Epoch);
        if (!Log.IsStillOwner(shard, epoch)) return;
        Headers.Trim(shard, epoch);
        var retained = Headers.List(shard);
        if (retained.Length < HeaderStore.RetainedCount) return;
        var needed = retained.SelectMany(header => header.Segments).Select(segment => segment.Id).ToHashSet();
        foreach (var name in Files.List(Layout.Shard(shard)))
        {
            if (!StoreLayout.TryParseSegment(name, out var id) || needed.Contains(id)) continue;
            // A segment of this epoch with a higher number is being written now, one of a later epoch is not ours.
            var isPast = id.Epoch < epoch || (id.Epoch == epoch && id.Number <= result.Plan.NewSegment.Number);
            if (isPast) Files.Delete(Layout.Segment(shard, id));
        }

        foreach (var report in Damage.Of(shard))
        {
            if (!Files.FileExists(report.Path)) Damage.Forget(report.Path);
        }

        var older = retained[HeaderStore.RetainedCount - 1];
        Log.Release(shard, epoch, new HeaderCoverage(older.Epoch, older.Sequence));
        if (!result.Header.Erasure.IsNone) _ = Purges.EraseLogs();
    }

    /// <summary>Says who this process is in the cluster, so that its death can be proved from now on until the store is closed. Once.</summary>
    /// <exception cref="StoreIoException">It could not be said; then nobody can prove it.</exception>
    public void Announce(ProcessIdentity self)
    {
        Invariant.Check(_process is null, "a process has one identity");
        _process = Processes.Hold(self);
    }

    public void Dispose()
    {
        Log.Dispose();
        BlobFiles.Dispose();
        // After the log: as long as anything can be acknowledged, the process counts as living.
        _process?.Dispose();
        _nodeLock?.Dispose();
        _lock.Dispose();
    }

    private static NodeStore OpenLocked(NodeStoreOptions options, IFileSystem files, StoreLayout layout, TimeProvider time,
        StoreProcess process, IDisposable storeLock)
    {
        if (!files.FileExists(layout.Descriptor))
        {
            CheckCreatable(options, files, layout);
            StoreDescriptor.New(process.NewGuid(), options.ShardCount ?? StoreDescriptor.ShardCountDefault).Write(files, layout.Descriptor);
        }

        // An earlier process may have been killed before it synced the name of store.json; nothing may become durable without it.
        if (!options.IsShared) DeleteTemporaries(files, layout);
        files.SyncDirectory(layout.Data);
        files.CreateDirectory(layout.Shards);
        var descriptor = StoreDescriptor.Read(files, layout.Descriptor);
        if (options.ShardCount is { } asked && asked != descriptor.ShardCount)
            throw new StoreUnusableException(StoreUnusableReason.OptionMismatch,
                $"{layout.Data} has {descriptor.ShardCount} shards, which is fixed at its creation; {asked} were asked for");
        var (node, nodeLock) = options.IsShared ? TakeNode(options, files, layout) : (options.Node ?? DefaultNode, null);
        try
        {
            var log = NodeLog.Open(files, layout.Data, node, options.Log, time, process,
                shard => CoverageOf(new HeaderStore(files, layout, static (_, _) => false).ListFiles(shard)));
            return new NodeStore(options, files, layout, descriptor, log, process, storeLock, nodeLock);
        }
        catch
        {
            nodeLock?.Dispose();
            throw;
        }
    }

    /// <summary>A node without a cluster excludes everybody, members of a cluster exclude only those who want the directory for themselves.</summary>
    private static IDisposable TakeLock(NodeStoreOptions options, IFileSystem files, StoreLayout layout) =>
        files.TryLock(layout.Lock, options.IsShared ? LockMode.Shared : LockMode.Exclusive)
        ?? throw new StoreUnusableException(StoreUnusableReason.InUse, options.IsShared
            ? $"{layout.Data} is in use by a process that shares it with nobody: a node without a cluster, or a command that reads a closed store"
            : $"{layout.Data} is in use by another process");

    /// <summary>Takes the name that the options ask for, or the first that nobody uses.</summary>
    private static (string Node, IDisposable Lock) TakeNode(NodeStoreOptions options, IFileSystem files, StoreLayout layout)
    {
        for (var number = 1; ; number++)
        {
            var node = options.Node ?? $"node-{number}";
            files.CreateDirectory(Path.GetDirectoryName(layout.NodeLock(node))!);
            if (files.TryLock(layout.NodeLock(node)) is { } taken) return (node, taken);
            if (options.Node is not null || number == NodeNumberMax)
                throw new StoreUnusableException(StoreUnusableReason.InUse, $"a node named {node} runs on {layout.Data} already");
        }
    }

    /// <summary>Descriptions that killed creators left. Of a shared directory one may still be written.</summary>
    private static void DeleteTemporaries(IFileSystem files, StoreLayout layout)
    {
        foreach (var name in files.List(layout.Data))
        {
            if (StoreDescriptor.IsTemporary(name)) files.Delete(Path.Combine(layout.Data, name));
        }
    }

    private static void CheckCreatable(NodeStoreOptions options, IFileSystem files, StoreLayout layout)
    {
        if (options.ShardCount is < 1 or > StoreDescriptor.ShardCountMax)
            throw new StoreUnusableException(StoreUnusableReason.OptionMismatch,
                $"a store has 1 to {StoreDescriptor.ShardCountMax} shards, not {options.ShardCount}");
        var strange = files.List(layout.Data).FirstOrDefault(name => name is not ("lock" or "lost+found") && !StoreDescriptor.IsTemporary(name));
        // Created by another process since we looked: its description is there before anything else is.
        if (strange is not null && !files.FileExists(layout.Descriptor))
            throw new StoreUnusableException(StoreUnusableReason.NotAStore,
                $"{layout.Data} holds '{strange}' but no store.json: it is not a store, or its description was lost; nothing was changed");
    }

    private ShardStore Serve(ShardId shard, ShardTakeover takeover, ImmutableArray<HeaderFile> headers, int generationsBack, bool toleratesLoss)
    {
        DeleteRepairs(shard);
        CheckHeadersRemain(shard, headers, takeover.LastSequence);
        ReportHeaders(shard, headers);
        var header = Choose(shard, headers, generationsBack);
        var segments = OpenSegments(shard, header);
        var seen = headers.IsEmpty ? 0 : headers.Max(file => file.Generation);
        var store = new ShardStore(Options, Log, takeover, shard, header, TimesOf(headers), seen, segments, toleratesLoss, BlobFiles);
        _served[shard] = new WeakReference<ShardStore>(store);
        return store;
    }

    /// <summary>Opens a segment of the shard; what is rebuilt in it from now on is reported.</summary>
    /// <exception cref="CorruptDataException">It is damaged beyond what parity can rebuild.</exception>
    internal Segment OpenSegment(ShardId shard, SegmentInfo info) =>
        Segment.Open(Files, Layout.Segment(shard, info.Id), info, Cache, repaired => Damage.Add(new DamageReport(shard, repaired.Path, repaired.Offset,
            $"{repaired.Path}: {repaired.LengthBytes} bytes at {repaired.Offset} were damaged and rebuilt from parity", IsRepaired: true)));

    /// <summary>What a repair left that was killed; one that still runs in an earlier owner finds its file gone and gives up.</summary>
    private void DeleteRepairs(ShardId shard)
    {
        foreach (var name in Files.List(Layout.Shard(shard)))
        {
            if (name.EndsWith(SegmentRepair.TemporarySuffix, StringComparison.Ordinal)) Files.Delete(Path.Combine(Layout.Shard(shard), name));
        }
    }

    private void ReportHeaders(ShardId shard, ImmutableArray<HeaderFile> headers)
    {
        foreach (var file in headers)
        {
            if (file.Damage is { } damage)
            {
                Damage.Add(new DamageReport(shard, damage.Path, damage.Offset, $"{damage.Message}; the log and other headers stand in for it",
                    IsRepaired: true));
            }
        }
    }

    private SegmentSet OpenSegments(ShardId shard, ShardHeader? header)
    {
        var set = SegmentSet.Empty;
        _ = set.TryAcquire();
        foreach (var info in header?.Segments ?? [])
        {
            try
            {
                var next = set.Replace([], OpenSegment(shard, info));
                set.Release();
                set = next;
            }
            catch (StoreIoException failure) when (failure.ErrorNumber == 2)
            {
                set.Release();
                throw new CorruptDataException(Layout.Segment(shard, info.Id), 0, "a segment that the header lists", "no file");
            }
            catch
            {
                set.Release();
                throw;
            }
        }

        return set;
    }

    /// <summary>What the log may have been trimmed to: two committed headers, or nothing at all.</summary>
    internal static HeaderCoverage CoverageOf(ImmutableArray<HeaderFile> files)
    {
        var valid = files.Where(file => file.Header is not null).Select(file => file.Header!).ToArray();
        if (valid.Length == 0 && files.Length >= HeaderStore.RetainedCount) throw files[0].Damage!;
        var older = files.Length < HeaderStore.RetainedCount ? null : valid[Math.Min(HeaderStore.RetainedCount, valid.Length) - 1];
        return new HeaderCoverage(older?.Epoch ?? default, older?.Sequence ?? default)
        {
            NewestEpoch = files.IsEmpty ? default : files[0].Epoch,
            UsableEpoch = valid.Length == 0 ? default : valid[0].Epoch,
            UsableSequence = valid.Length == 0 ? default : valid[0].Sequence,
        };
    }

    /// <summary>A segment holds events: with neither a header nor an event in the log, the headers that listed it were lost.</summary>
    private void CheckHeadersRemain(ShardId shard, ImmutableArray<HeaderFile> headers, SequenceNumber last)
    {
        if (!headers.IsEmpty || last.Value > 0) return;
        if (Files.List(Layout.Shard(shard)).FirstOrDefault(name => StoreLayout.TryParseSegment(name, out _)) is { } segment)
            throw new CorruptDataException(Layout.Shard(shard), 0, $"the header that lists {segment}, or the events it was made from", "neither");
    }

    /// <summary>Highest clock and serving time of all valid headers, those passed over included: time never falls back with a header.</summary>
    private static (Timestamp Clock, uint ElapsedSeconds) TimesOf(ImmutableArray<HeaderFile> files)
    {
        var (clock, elapsed) = (default(Timestamp), 0U);
        foreach (var file in files)
        {
            if (file.Header is not { } header) continue;
            if (header.Clock > clock) clock = header.Clock;
            elapsed = Math.Max(elapsed, header.ElapsedSeconds);
        }

        return (clock, elapsed);
    }

    private static ShardHeader? Choose(ShardId shard, ImmutableArray<HeaderFile> files, int generationsBack)
    {
        var usable = files.Where(file => file.Header is not null).Select(file => file.Header).ToList();
        // With fewer than two headers nothing was ever trimmed: the log alone rebuilds the shard.
        if (files.Length < HeaderStore.RetainedCount) usable.Add(null);
        // When there is none further back the oldest is tried again: what is wrong then is told as it is.
        if (usable.Count > 0) return usable[Math.Min(generationsBack, usable.Count - 1)];
        throw new CorruptDataException($"headers of shard {shard}", 0, "a usable header", $"{files.Length} damaged ones");
    }

    private static StoreUnusableException Unusable(StoreLayout layout, StoreIoException failure)
    {
        var reason = failure.IsOutOfSpace ? StoreUnusableReason.Full
            : failure.IsReadOnly ? StoreUnusableReason.ReadOnly
            : StoreUnusableReason.Unreadable;
        return new StoreUnusableException(reason, $"{layout.Data} cannot be used: {failure.Message}", failure);
    }
}
