using System.Globalization;
using System.Text;
using EntityActors.Simulation.Tests.Disk;
using EntityActors.Simulation.Tests.Stores;
using EntityActors.Storage.CommitLog;
using EntityActors.Storage.Model;
using EntityActors.Storage.Shards;

namespace EntityActors.Simulation.Tests.Exploration;

/// <summary>Headers, claims, seals and log records of a disk as text, for whoever looks into a finding.</summary>
internal static class DiskListing
{
    public static string Of(DiskState disk)
    {
        var files = new SimulatedFileSystem(disk);
        var data = SimulationOptions.DataDirectory;
        var headers = new HeaderStore(files, new StoreLayout(data), static (_, _) => true);
        var claims = new EpochClaims(files, data);
        var text = new StringBuilder();
        for (var i = 0; i < SimulationOptions.ShardCount; i++)
        {
            var shard = new ShardId(i);
            foreach (var file in headers.ListFiles(shard))
                text.AppendLine(CultureInfo.InvariantCulture, $"shard {shard}: header {file.Epoch}.{file.Generation} covers {file.Header?.Sequence.Value ?? -1}");
            foreach (var epoch in claims.List(shard)) text.AppendLine(Claim(claims, shard, epoch));
        }

        foreach (var node in files.List(LogLayout.NodesDirectory(data)))
        {
            foreach (var name in files.List(Path.Combine(LogLayout.NodesDirectory(data), node)))
            {
                if (LogId.TryParse(name, out var log)) Log(text, files, LogLayout.LogDirectory(data, node, log), log);
            }
        }

        return text.ToString();
    }

    private static string Claim(EpochClaims claims, ShardId shard, Epoch epoch)
    {
        var claim = claims.Read(shard, epoch);
        var opened = claims.ReadOpened(shard, epoch);
        var seals = opened is null ? "never opened" : $"opened at event {opened.LastSequence}, seals {string.Join(' ', opened.Seals.Select(seal => $"{seal.Epoch}:{seal.Log}@{seal.Position}"))}";
        return $"shard {shard}: claim {epoch} log {claim.Log} from {claim.StartPosition}, {seals}";
    }

    private static void Log(StringBuilder text, SimulatedFileSystem files, string directory, LogId log)
    {
        text.AppendLine(CultureInfo.InvariantCulture, $"log {log}: {string.Join(' ', files.List(directory))}");
        using var index = new LogIndex(files, directory, log, isOwn: false);
        index.Scan();
        text.AppendLine(CultureInfo.InvariantCulture, $"  watermark {index.Watermark}, damage {string.Join(' ', index.Damage.Select(range => $"{range.From}-{range.To}"))}");
        foreach (var shard in index.Shards.Order())
        {
            for (var epoch = new Epoch(1); epoch.Value < 200; epoch = epoch.Next)
            {
                var entries = index.Find(shard, epoch, 0, long.MaxValue);
                if (entries.Count == 0) continue;
                text.AppendLine(CultureInfo.InvariantCulture,
                    $"  shard {shard} epoch {epoch}: {string.Join(' ', entries.Select(entry => $"{entry.Sequence}@{entry.Position}"))}");
            }
        }
    }
}
