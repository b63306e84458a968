using EntityActors.Actors.Hosting;

namespace EntityActors.Host.Http;

/// <summary>What <c>serve</c> was asked for, checked.</summary>
internal sealed record ServeOptions(
    string Data, Uri Address, int? ShardCount, IReadOnlyList<string> HoconFiles, string? Node = null, ClusterOptions? Cluster = null);
