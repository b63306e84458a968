using System.Collections.Immutable;

namespace EntityActors.Tests.Shared.Processes;

/// <summary>How to start a server.</summary>
/// <param name="DataDirectory">Given as <c>--data</c>.</param>
/// <param name="ShardCount">Given as <c>--shards</c>; null leaves the default.</param>
/// <param name="HoconFiles">Each given as <c>--hocon</c>.</param>
/// <param name="Cluster">Null: a node for itself.</param>
/// <param name="HttpPort">0 lets each start take a free one.</param>
public sealed record ServerOptions(
    string DataDirectory, int? ShardCount = null, ImmutableArray<string> HoconFiles = default, MemberOptions? Cluster = null, int HttpPort = 0)
{
    /// <summary>Whether requests need a token: given as <c>--auth on</c>, otherwise the environment says off.</summary>
    public bool Authentication { get; init; }

    public IEnumerable<string> Arguments()
    {
        yield return "serve";
        yield return "--data";
        yield return DataDirectory;
        yield return "--http";
        yield return $"http://127.0.0.1:{HttpPort}";
        if (Authentication)
        {
            yield return "--auth";
            yield return "on";
        }

        if (ShardCount is { } count)
        {
            yield return "--shards";
            yield return count.ToString();
        }

        foreach (var argument in Cluster?.Arguments() ?? []) yield return argument;
        foreach (var file in HoconFiles.IsDefault ? [] : HoconFiles)
        {
            yield return "--hocon";
            yield return file;
        }
    }
}
