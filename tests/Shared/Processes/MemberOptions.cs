using System.Collections.Immutable;
using EntityActors.Tests.Shared.Tls;

namespace EntityActors.Tests.Shared.Processes;

/// <summary>A server's place in a cluster.</summary>
/// <param name="Node">Given as <c>--node</c>; null leaves the default.</param>
/// <param name="Host">Given as <c>--host</c>.</param>
/// <param name="Port">Given as <c>--cluster-port</c>.</param>
/// <param name="Seeds">Each given as <c>--seed</c>.</param>
/// <param name="Tls">Null: in plain text.</param>
public sealed record MemberOptions(string? Node, string Host, int Port, ImmutableArray<string> Seeds, MemberFiles? Tls = null)
{
    public string Address => $"{Host}:{Port}";

    public IEnumerable<string> Arguments()
    {
        foreach (var argument in new[] { "--cluster-port", Port.ToString(), "--host", Host }) yield return argument;
        if (Node is not null)
        {
            yield return "--node";
            yield return Node;
        }

        foreach (var argument in Tls?.Arguments() ?? []) yield return argument;
        foreach (var seed in Seeds)
        {
            yield return "--seed";
            yield return seed;
        }
    }
}
