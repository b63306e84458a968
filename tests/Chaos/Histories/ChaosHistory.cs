using System.Collections.Concurrent;

namespace EntityActors.Chaos.Histories;

/// <summary>Everything the clients of a run did and saw. Thread-safe.</summary>
public sealed class ChaosHistory
{
    private readonly ConcurrentQueue<ClientWrite> _writes = new();
    private readonly ConcurrentQueue<ClientRead> _reads = new();
    private readonly ConcurrentQueue<PastRead> _past = new();
    private readonly ConcurrentQueue<string> _findings = new();
    private readonly ConcurrentDictionary<(string Kind, string Outcome), long> _counts = new();
    private readonly ConcurrentDictionary<string, int> _shards = new(StringComparer.Ordinal);

    public IReadOnlyCollection<ClientWrite> Writes => _writes;

    public IReadOnlyCollection<ClientRead> Reads => _reads;

    public IReadOnlyCollection<PastRead> PastReads => _past;

    /// <summary>Answers that break the contract by themselves.</summary>
    public IReadOnlyCollection<string> Findings => _findings;

    /// <summary>Operations by kind and outcome.</summary>
    public IReadOnlyDictionary<(string Kind, string Outcome), long> Counts => _counts;

    /// <summary>Shards of entities, as far as commits told.</summary>
    public IReadOnlyDictionary<string, int> Shards => _shards;

    /// <summary>Called before the first try, so that nothing sent is forgotten.</summary>
    public void Add(ClientWrite write) => _writes.Enqueue(write);

    public void Add(ClientRead read) => _reads.Enqueue(read);

    public void Add(PastRead read) => _past.Enqueue(read);

    public void Find(string finding) => _findings.Enqueue(finding);

    public void Count(string kind, string outcome) => _counts.AddOrUpdate((kind, outcome), 1, static (_, count) => count + 1);

    public void Locate(string id, int shard)
    {
        if (!_shards.TryAdd(id, shard) && _shards[id] != shard) Find($"{id} is in shard {shard} and in {_shards[id]}");
    }
}
