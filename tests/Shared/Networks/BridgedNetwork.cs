using System.Collections.Immutable;
using System.Globalization;
using EntityActors.Tests.Shared.Processes;

namespace EntityActors.Tests.Shared.Networks;

/// <summary>
/// A network of its own for each node: a namespace joined to the others by a pair of virtual interfaces and a bridge, which stands in one
/// more namespace. Nothing of it is seen by other processes of the machine, and all of it is removed on dispose.
/// </summary>
public sealed class BridgedNetwork : INetworkCuts, IAsyncDisposable
{
    private const string Table = "chaos";
    private const int Port = 4053;
    private static int _count;
    private readonly string _prefix = string.Create(CultureInfo.InvariantCulture, $"ea{Environment.ProcessId:x}n{Interlocked.Increment(ref _count)}");
    private readonly int _nodeCount;
    private readonly List<string> _made = [];

    private BridgedNetwork(int nodeCount) => _nodeCount = nodeCount;

    /// <summary>Why this machine cannot have one; null when it can.</summary>
    public static async Task<string?> UnavailableAsync()
    {
        if (!Environment.IsPrivilegedProcess) return "network namespaces need root";
        try
        {
            await using var probe = await CreateAsync(1);
            return null;
        }
        catch (Exception cause) when (cause is InvalidOperationException or System.ComponentModel.Win32Exception)
        {
            return $"no network namespaces here: {cause.Message}";
        }
    }

    public static async Task<BridgedNetwork> CreateAsync(int nodeCount)
    {
        var network = new BridgedNetwork(nodeCount);
        try
        {
            await network.MakeAsync();
            return network;
        }
        catch
        {
            await network.DisposeAsync();
            throw;
        }
    }

    public string NamespaceOf(int node) => $"{_prefix}-{node}";

    public static string AddressOf(int node) => string.Create(CultureInfo.InvariantCulture, $"10.213.0.{node + 1}");

    /// <summary>Members of a cluster at these addresses.</summary>
    public static IReadOnlyList<MemberOptions> Members(int count)
    {
        ImmutableArray<string> seeds = [.. Enumerable.Range(0, count).Select(static node => $"{AddressOf(node)}:{Port}")];
        return [.. Enumerable.Range(0, count).Select(node => new MemberOptions($"n{node}", AddressOf(node), Port, seeds))];
    }

    // Dropped where it arrives: the sender notices nothing, as with a cut cable.
    public Task CutAsync(int from, int to) =>
        Tool.RunAsync("ip", "netns", "exec", NamespaceOf(to), "nft", "add", "rule", "ip", Table, "in", "ip", "saddr", AddressOf(from), "drop");

    public async Task HealAsync()
    {
        for (var node = 0; node < _nodeCount; node++)
            await Tool.RunAsync("ip", "netns", "exec", NamespaceOf(node), "nft", "flush", "chain", "ip", Table, "in");
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var name in _made) await Tool.RunAsync("ip", "netns", "del", name);
        _made.Clear();
    }

    private async Task MakeAsync()
    {
        var hub = _prefix + "-hub";
        await AddAsync(hub);
        await Tool.RunAsync("ip", "-n", hub, "link", "add", "bridge", "type", "bridge");
        await Tool.RunAsync("ip", "-n", hub, "link", "set", "bridge", "up");
        for (var node = 0; node < _nodeCount; node++)
        {
            var own = NamespaceOf(node);
            var port = string.Create(CultureInfo.InvariantCulture, $"port{node}");
            await AddAsync(own);
            await Tool.RunAsync("ip", "-n", hub, "link", "add", port, "type", "veth", "peer", "name", "eth", "netns", own);
            await Tool.RunAsync("ip", "-n", hub, "link", "set", port, "master", "bridge", "up");
            await Tool.RunAsync("ip", "-n", own, "address", "add", AddressOf(node) + "/24", "dev", "eth");
            await Tool.RunAsync("ip", "-n", own, "link", "set", "eth", "up");
            await Tool.RunAsync("ip", "-n", own, "link", "set", "lo", "up");
            string[] nft = ["netns", "exec", own, "nft"];
            await Tool.RunAsync("ip", [.. nft, "add", "table", "ip", Table]);
            await Tool.RunAsync("ip", [.. nft, "add", "chain", "ip", Table, "in", "{ type filter hook input priority 0 ; }"]);
        }
    }

    private async Task AddAsync(string name)
    {
        await Tool.RunAsync("ip", "netns", "add", name);
        _made.Add(name);
    }
}
