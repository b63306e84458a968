using EntityActors.Storage.Model;

namespace EntityActors.Storage.Shards;

/// <summary>Damaged places of a node's files that were met and are not known to be mended, each once. Bounded. Thread-safe.</summary>
public sealed class DamageReports
{
    /// <summary>Places that are remembered one by one; further ones are only counted.</summary>
    private const int PlacesMax = 1000;

    private readonly Lock _lock = new();
    private readonly Dictionary<(string Path, long Offset), DamageReport> _places = [];

    /// <summary>Called once for each place, on the thread that met it.</summary>
    public Action<DamageReport>? Added { get; set; }

    /// <summary>Places that were met since the start, mended ones included.</summary>
    public long Count { get; private set; }

    /// <summary>Places that are not known to be mended.</summary>
    public int OpenCount
    {
        get
        {
            lock (_lock) return _places.Count;
        }
    }

    public void Add(DamageReport report)
    {
        lock (_lock)
        {
            if (_places.ContainsKey((report.Path, report.Offset))) return;
            Count++;
            // Past the bound it could not be told whether a place was met before, and each read of it would say so again.
            if (_places.Count >= PlacesMax) return;
            _places.Add((report.Path, report.Offset), report);
        }

        Added?.Invoke(report);
    }

    /// <summary>The file was written anew, or is gone: what was said of it holds no more.</summary>
    public void Forget(string path)
    {
        lock (_lock)
        {
            foreach (var place in _places.Keys.Where(place => place.Path == path).ToArray()) _places.Remove(place);
        }
    }

    public IReadOnlyList<DamageReport> Of(ShardId shard)
    {
        lock (_lock) return [.. _places.Values.Where(report => report.Shard == shard)];
    }

    /// <summary>One sentence for the shard's state; null when nothing is known to be damaged.</summary>
    public string? DetailOf(ShardId shard)
    {
        var places = Of(shard);
        if (places.Count == 0) return null;
        var kind = places.All(report => report.IsRepaired) ? "repaired for every answer, to be rewritten" : "not all of them repaired";
        return $"{places.Count} damaged places, {kind}: {places[0].Sentence}";
    }
}
