using EntityActors.Storage.CommitLog;
using EntityActors.Storage.Io;
using EntityActors.Storage.Model;
using EntityActors.Tests.Shared;

namespace EntityActors.Storage.Tests.CommitLog;

/// <summary>One log written group by group, to be damaged and read.</summary>
internal sealed class LogFixture : IDisposable
{
    public static readonly LogId Id = new(0x1234_5678_9ABC_DEF1);

    private readonly TempDirectory _directory = new();
    private readonly LogIndex _written;
    private readonly Dictionary<ShardId, long> _last = [];

    public LogFixture(int fileBytes = 64 * 1024)
    {
        Options = LogProcess.Small with { FileBytes = fileBytes, RecordBytesMax = Math.Min(fileBytes / 2, 32 * 1024) };
        _written = new LogIndex(PosixFileSystem.Instance, LogDirectory, Id, isOwn: true);
        Writer = CommitLogWriter.Create(PosixFileSystem.Instance, LogDirectory, Id, Options, _written);
    }

    public CommitLogOptions Options { get; }

    public CommitLogWriter Writer { get; }

    public string LogDirectory => _directory.File("log");

    public List<LogEntry> Entries { get; } = [];

    public string FilePath(long start = 0) => Path.Combine(LogDirectory, LogLayout.FileName(start));

    /// <summary>One group of one record per shard named, each with a body of so many bytes.</summary>
    public void Group(int bodyBytes, params int[] shards)
    {
        var before = Counts();
        Writer.WriteGroup(shards.Select(shard => new LogAppend(new ShardId(shard), new Epoch(1), Next(shard), Body(bodyBytes, shard))).ToArray());
        foreach (var shard in shards.Distinct())
        {
            var entries = _written.Find(new ShardId(shard), new Epoch(1), 0, long.MaxValue);
            Entries.AddRange(entries.Skip(before.GetValueOrDefault(shard)));
        }

        Entries.Sort((left, right) => left.Position.CompareTo(right.Position));
    }

    public LogIndex Scan()
    {
        var index = new LogIndex(PosixFileSystem.Instance, LogDirectory, Id, isOwn: false);
        index.Scan();
        return index;
    }

    public static LogEntry[] All(LogIndex index) =>
        [.. index.Shards.SelectMany(shard => index.Find(shard, new Epoch(1), 0, long.MaxValue)).OrderBy(entry => entry.Position)];

    public void Dispose()
    {
        Writer.Dispose();
        _written.Dispose();
        _directory.Dispose();
    }

    private Dictionary<int, int> Counts() => _written.Shards.ToDictionary(shard => shard.Value,
        shard => _written.Find(shard, new Epoch(1), 0, long.MaxValue).Count);

    private SequenceNumber Next(int shard) => new(_last[new ShardId(shard)] = _last.GetValueOrDefault(new ShardId(shard)) + 1);

    private static byte[] Body(int bytes, int shard)
    {
        var body = new byte[bytes];
        new Random(bytes + shard).NextBytes(body);
        return body;
    }
}
