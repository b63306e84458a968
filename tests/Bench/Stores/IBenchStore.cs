namespace EntityActors.Bench.Stores;

/// <summary>What every measured store can do. Thread-safe.</summary>
internal interface IBenchStore : IAsyncDisposable
{
    string Name { get; }

    /// <summary>Completes when the entity is durable.</summary>
    Task WriteAsync(BenchEntity entity);

    /// <summary>Reads one entity with its content.</summary>
    /// <returns>Bytes of content; -1 when there is no such entity.</returns>
    Task<int> ReadAsync(string id);

    /// <summary>Finds entities by tag and reads them without content.</summary>
    /// <returns>Number of entities found.</returns>
    Task<int> QueryAsync(string tag, int limit);
}
