using EntityActors.Simulation.Tests.Disk;
using EntityActors.Simulation.Tests.Model;
using EntityActors.Storage.Model;
using EntityActors.Tests.Shared;

namespace EntityActors.Simulation.Tests.Stores;

/// <summary>
/// Checks that after the checkpoints that follow a purge or a trim no file holds a content of a purged entity or a trimmed history any more, whatever crashes
/// left on the disk.
/// </summary>
internal static class PurgedBytes
{
    private const int SecretBytes = 24;
    private const int RoundsMax = 40;

    /// <param name="checkpoint">One forced checkpoint of a shard.</param>
    public static void Check(SimulatedStore store, Action<ServedShard> checkpoint)
    {
        var secrets = Secrets(store);
        for (var round = 0; round < RoundsMax; round++)
        {
            for (var i = 0; i < SimulationOptions.ShardCount; i++)
            {
                var served = store.Served(new ShardId(i));
                if (served.Store.Header is { Erasure.IsUnderWay: true } || !served.Store.IsErased) checkpoint(served);
            }

            // What a node's coordinator does at each look, and what timers and the log's thread do beside it.
            if (store.Node.Purges.EraseLogs() is { } pinning) checkpoint(store.Served(pinning));
            store.Time.Advance(TimeSpan.FromSeconds(2));
            store.Node.Log.BeIdle();
        }

        var found = StoredBytes.FilesHolding(store.Files, Paths(store.Files, SimulationOptions.DataDirectory), secrets);
        SimulationViolation.Unless(found.Count == 0, $"contents of purged entities or trimmed histories stay in {string.Join(' ', found)}");
    }

    /// <summary>Changes whose contents may be nowhere. That of a base may come from an earlier change.</summary>
    private static IEnumerable<ModelChange> Gone(ModelShard model, EntityKey key)
    {
        var history = model.History(key);
        if (model.IsPurged(key)) return history;
        var first = (int)model.BaseOf(key);
        return history.Take(first - 1).Where(item => item.Change.Revision != history[first - 1].After.ContentRevision);
    }

    private static List<byte[]> Secrets(SimulatedStore store)
    {
        var secrets = new List<byte[]>();
        for (var i = 0; i < SimulationOptions.ShardCount; i++)
        {
            var model = store.ModelOf(new ShardId(i));
            foreach (var change in model.Keys.SelectMany(key => Gone(model, key)))
            {
                // What is drawn of a content is at its begin, zeros follow.
                var drawn = (change.Change.Content?.Bytes ?? default).Span.TrimEnd((byte)0);
                if (drawn.Length >= SecretBytes) secrets.Add(drawn[..SecretBytes].ToArray());
            }
        }

        return secrets;
    }

    private static IEnumerable<string> Paths(SimulatedFileSystem files, string directory)
    {
        foreach (var name in files.List(directory))
        {
            var path = Path.Combine(directory, name);
            if (!files.DirectoryExists(path)) yield return path;
            else foreach (var inner in Paths(files, path)) yield return inner;
        }
    }
}
