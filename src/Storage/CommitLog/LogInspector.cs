using EntityActors.Storage.Io;
using EntityActors.Storage.Model;

namespace EntityActors.Storage.CommitLog;

/// <summary>Reads logs and claims of a closed store and says what is wrong with them. Changes nothing.</summary>
internal sealed class LogInspector(IFileSystem files, string data, Func<ShardId, HeaderCoverage> readHeaders)
{
    private readonly Dictionary<LogId, LogIndex> _indexes = [];

    public IEnumerable<LogFinding> Inspect()
    {
        foreach (var finding in InspectLogs()) yield return finding;
        foreach (var name in files.List(LogLayout.ShardsDirectory(data)))
        {
            if (!int.TryParse(name, out var number)) continue;
            foreach (var finding in InspectShard(new ShardId(number))) yield return finding;
        }
    }

    private IEnumerable<LogFinding> InspectLogs()
    {
        var nodes = LogLayout.NodesDirectory(data);
        foreach (var node in files.List(nodes))
        {
            foreach (var name in files.List(Path.Combine(nodes, node)))
            {
                if (!LogId.TryParse(name, out var log)) continue;
                var index = new LogIndex(files, LogLayout.LogDirectory(data, node, log), log, isOwn: false);
                index.Scan();
                _indexes[log] = index;
                foreach (var range in index.Damage)
                    yield return new LogFinding(index.Directory, $"bytes {range.From} to {range.To} were synced and cannot be read");
            }
        }
    }

    private List<LogFinding> InspectShard(ShardId shard)
    {
        var findings = new List<LogFinding>();
        var claims = new EpochClaims(files, data);
        var directory = LogLayout.EpochDirectory(data, shard);
        try
        {
            var coverage = readHeaders(shard);
            OpenedEpoch? newest = null;
            var pieces = new List<LineagePiece>();
            var served = new List<(EpochClaim Claim, OpenedEpoch Opened)>();
            foreach (var epoch in claims.List(shard))
            {
                var claim = claims.Read(shard, epoch);
                if (claims.ReadOpened(shard, epoch) is not { } opened) continue;
                newest = opened;
                if (epoch >= coverage.OlderEpoch) served.Add((claim, opened));
            }

            if (newest is null) return findings;
            foreach (var (claim, _) in served)
            {
                if (!_indexes.TryGetValue(claim.Log, out var index)) continue;
                var seal = newest.Seals.FirstOrDefault(candidate => candidate.Epoch == claim.Epoch);
                pieces.Add(new LineagePiece(index, claim.Epoch, claim.StartPosition, claim.Epoch == newest.Epoch ? long.MaxValue : seal.Position));
            }

            var floor = newest.LastSequence > coverage.OlderSequence ? newest.LastSequence : coverage.OlderSequence;
            new ShardLineage(shard, newest.Epoch, default, floor, pieces).CheckGapless(coverage.OlderSequence);
        }
        catch (CorruptDataException damage)
        {
            findings.Add(new LogFinding(directory, damage.Message));
        }

        return findings;
    }
}
