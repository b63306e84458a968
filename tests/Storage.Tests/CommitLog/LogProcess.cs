using System.Text;
using EntityActors.Storage.CommitLog;
using EntityActors.Storage.Io;
using EntityActors.Storage.Model;
using EntityActors.Tests.Shared.Faults;

namespace EntityActors.Storage.Tests.CommitLog;

/// <summary>One process's log over a data directory that others share: it can be killed, and its calls to the disk be hooked.</summary>
internal sealed class LogProcess : IDisposable
{
    private readonly Dictionary<ShardId, Epoch> _epochs = [];
    private readonly string _data;
    private Action<FileCall, string>? _before;
    private volatile bool _isDead;

    /// <param name="readHeaders">What a shard's headers on disk cover, for those this process does not own.</param>
    public LogProcess(string data, CommitLogOptions? options = null, TimeProvider? time = null, string node = "node",
        Func<ShardId, HeaderCoverage>? readHeaders = null)
    {
        Files = new HookedFileSystem(PosixFileSystem.Instance) { Before = OnCall };
        _data = data;
        Log = NodeLog.Open(Files, data, node, options ?? Small, time ?? TimeProvider.System, readHeaders);
    }

    /// <summary>Small files, and no watermark or clock renewal during a test unless it is asked for.</summary>
    public static CommitLogOptions Small { get; } = new()
    {
        FileBytes = 64 * 1024, RecordBytesMax = 32 * 1024, IdleWatermark = TimeSpan.FromHours(1),
        ClockReservation = TimeSpan.FromHours(2), ClockRenewal = TimeSpan.FromHours(1),
    };

    public HookedFileSystem Files { get; }

    public NodeLog Log { get; }

    public string Directory => Path.Combine(_data, "nodes", Log.Node, Log.Current.ToString());

    public void Hook(Action<FileCall, string>? before) => _before = before;

    public ShardTakeover TakeOver(int shard, HeaderCoverage? coverage = null)
    {
        var takeover = Log.TakeOver(new ShardId(shard), () => coverage ?? HeaderCoverage.None);
        _epochs[new ShardId(shard)] = takeover.Epoch;
        return takeover;
    }

    public Task Append(int shard, long sequence, string? text = null) => Log.AppendAsync(
        new LogAppend(new ShardId(shard), _epochs[new ShardId(shard)], new SequenceNumber(sequence), Body(shard, sequence, text)));

    public void Release(int shard, long epoch, long sequence) =>
        Log.Release(new ShardId(shard), _epochs[new ShardId(shard)], new HeaderCoverage(new Epoch(epoch), new SequenceNumber(sequence)));

    public string[] Read(int shard, long from = 1)
    {
        var last = Log.LastSequence(new ShardId(shard));
        return [.. Log.Read(new ShardId(shard), new SequenceNumber(from), last).Select(item => Encoding.UTF8.GetString(item.Body.Span))];
    }

    /// <summary>What <see cref="Read"/> gives when every event up to the last is there and none else.</summary>
    public static string[] Events(int shard, long last, long from = 1)
    {
        var events = new List<string>();
        for (var i = from; i <= last; i++) events.Add($"{shard}:{i}");
        return [.. events];
    }

    /// <summary>kill -9: not one call reaches the disk any more; locks are free.</summary>
    public void Kill()
    {
        _isDead = true;
        Log.Dispose();
    }

    public void Dispose() => Log.Dispose();

    private static byte[] Body(int shard, long sequence, string? text) => Encoding.UTF8.GetBytes(text ?? $"{shard}:{sequence}");

    private void OnCall(FileCall call, string path)
    {
        if (_isDead) throw HookedFileSystem.Failure(path);
        _before?.Invoke(call, path);
        if (_isDead) throw HookedFileSystem.Failure(path);
    }
}
