namespace EntityActors.Bench.Stores;

/// <summary>One entity of the fixed workload: an id of 16 bytes, 5 tags of 20 bytes, 200 bytes of content.</summary>
internal sealed record BenchEntity(string Id, string[] Tags, ReadOnlyMemory<byte> Content);
