namespace EntityActors.Chaos.Nodes;

/// <summary>How one node's process is started.</summary>
/// <param name="Index">From 0.</param>
/// <param name="Arguments">Of <c>ea</c>.</param>
/// <param name="NetworkNamespace">Name of the network namespace it runs in; null for the machine's.</param>
/// <param name="Environment">What is set for it alone.</param>
internal sealed record NodeSettings(
    int Index, IReadOnlyList<string> Arguments, string? NetworkNamespace, IReadOnlyDictionary<string, string> Environment)
{
    public string Name => $"node{Index + 1}";
}
