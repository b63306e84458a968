using EntityActors.Storage.Io;
using EntityActors.Storage.Model;

namespace EntityActors.Storage.CommitLog;

/// <summary>Reads logs and claims of a closed store and says what is wrong with them. Changes nothing.</summary>
internal sealed class LogInspector : IDisposable
{
    private readonly IFileSystem _files;
    private readonly string _data;
    private readonly Func<ShardId, HeaderCoverage> _readHeaders;
    private readonly EpochClaims _claims;
    private readonly LineageReader _predecessors;
    private readonly Dictionary<(string Node, LogId Log), LogIndex> _indexes = [];
    private readonly HashSet<LogId> _claimed = [];

    public LogInspector(IFileSystem files, string data, Func<ShardId, HeaderCoverage> readHeaders)
    {
        (_files, _data, _readHeaders) = (files, data, readHeaders);
        _claims = new EpochClaims(files, data);
        _predecessors = new LineageReader(_claims, data, IndexOf);
    }

    public List<LogFinding> Inspect()
    {
        var findings = new List<LogFinding>();
        var nodes = LogLayout.NodesDirectory(_data);
        foreach (var node in _files.List(nodes))
        {
            foreach (var name in _files.List(Path.Combine(nodes, node)))
            {
                if (LogId.TryParse(name, out var log)) IndexOf(node, log).Scan();
            }
        }

        var shards = _files.List(LogLayout.ShardsDirectory(_data)).Where(name => int.TryParse(name, out _))
            .Select(name => new ShardId(int.Parse(name))).Concat(_indexes.Values.SelectMany(index => index.Shards)).ToHashSet();
        foreach (var shard in shards.Order()) InspectShard(shard, findings);
        foreach (var index in _indexes.Values) InspectLog(index, findings);
        return findings;
    }

    public void Dispose()
    {
        foreach (var index in _indexes.Values) index.Dispose();
    }

    private LogIndex IndexOf(string node, LogId log)
    {
        if (!_indexes.TryGetValue((node, log), out var index))
            _indexes[(node, log)] = index = new LogIndex(_files, LogLayout.LogDirectory(_data, node, log), log, isOwn: false);
        return index;
    }

    private void InspectLog(LogIndex index, List<LogFinding> findings)
    {
        foreach (var range in index.Damage)
        {
            var (path, offset) = index.PlaceOf(range.From);
            findings.Add(new LogFinding(path, $"{range.To - range.From} bytes from {offset} were synced and cannot be read", IsDamage: true));
        }

        var clock = Path.Combine(index.Directory, LogLayout.ClockFile);
        var (valid, damaged) = NodeClock.CountSlots(_files, index.Directory);
        // When a log is deleted its files go first, for good; a power cut may bring its directory back, but not them.
        if (valid == 0 && _claimed.Contains(index.Log) && index.FileStarts().Count > 0)
            findings.Add(new LogFinding(clock, "no reservation can be read: a successor may start at a time already answered", IsDamage: true));
        else if (valid == 0)
            findings.Add(new LogFinding(clock, "no reservation: the process gave out no time, or its log was being deleted", IsDamage: false));
        else if (damaged > 0)
            findings.Add(new LogFinding(clock, "one of two reservations cannot be read; a kill may tear the newer one", IsDamage: false));
    }

    private void InspectShard(ShardId shard, List<LogFinding> findings)
    {
        var directory = LogLayout.EpochDirectory(_data, shard);
        foreach (var stray in _claims.ListStrays(shard))
            findings.Add(new LogFinding(Path.Combine(directory, stray), "stands beside no claim: a crash left it, or the claim is lost", IsDamage: false));
        try
        {
            var coverage = _readHeaders(shard);
            var epochs = _claims.List(shard);
            foreach (var epoch in epochs)
            {
                _claimed.Add(_claims.Read(shard, epoch).Log);
                // Those before the older header are read too, though nobody needs them: damage is said wherever it is.
                if (_claims.ReadOpened(shard, epoch) is null && epoch >= coverage.OlderEpoch)
                    findings.Add(new LogFinding(Path.Combine(directory, $"{epoch}"), "was claimed and never served", IsDamage: false));
            }

            // As the next owner would read it, but from the older header on: both have to be recoverable.
            var own = epochs.Count > 0 ? epochs[^1].Next : new Epoch(1);
            var before = _predecessors.Read(shard, own, coverage, coverage.OlderEpoch);
            List<LineagePiece> pieces = [.. before.Pieces];
            if (before.Unsealed is { } unsealed) pieces.Add(unsealed);
            new ShardLineage(shard, own, default, before.Floor, pieces).CheckGapless(coverage.OlderSequence);
            if (epochs.Count == 0 && _indexes.Values.FirstOrDefault(index => index.Shards.Contains(shard)) is { } log)
                findings.Add(new LogFinding(directory, $"no claim, although {log.Directory} holds events of shard {shard}", IsDamage: true));
        }
        catch (CorruptDataException damage)
        {
            findings.Add(new LogFinding(damage.Path, damage.Message, IsDamage: true));
        }
    }
}
