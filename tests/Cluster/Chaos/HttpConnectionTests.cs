using System.Net;
using System.Net.Sockets;
using System.Text;
using EntityActors.Chaos.Clients;
using EntityActors.Tests.Shared.Http;
using EntityActors.Tests.Shared.Model;
using Xunit;

namespace EntityActors.Cluster.Tests.Chaos;

/// <summary>A harness that takes a sent request for an unsent one accuses a store that did what it was told.</summary>
public sealed class HttpConnectionTests
{
    [Theory]
    [InlineData(OperationKind.Put)]
    [InlineData(OperationKind.Delete)]
    [InlineData(OperationKind.Restore)]
    public async Task What_a_node_had_received_when_it_died_counts_as_sent(OperationKind kind)
    {
        using var node = new TcpListener(IPAddress.Loopback, 0);
        node.Start();
        using var connection = ConnectionTo(node);
        var dying = DieAtSecondRequestAsync(node);
        Assert.Null(await connection.GetAsync("28", null));
        var lost = await Assert.ThrowsAsync<ConnectionLostException>(() => connection.WriteAsync(Write(kind)));
        await dying;
        Assert.True(lost.WasSent, lost.ToString());
    }

    [Fact]
    public async Task What_nobody_listened_to_counts_as_unsent()
    {
        using var node = new TcpListener(IPAddress.Loopback, 0);
        node.Start();
        using var connection = ConnectionTo(node);
        node.Stop();
        Assert.False((await Assert.ThrowsAsync<ConnectionLostException>(() => connection.WriteAsync(Write(OperationKind.Put)))).WasSent);
    }

    private static HttpConnection ConnectionTo(TcpListener node) => new(new StoreHttp(new Uri($"http://{node.LocalEndpoint}")), "default");

    private static Operation Write(OperationKind kind) => new() { Client = "one", Kind = kind, Id = "28", CommandId = Guid.NewGuid() };

    private static async Task DieAtSecondRequestAsync(TcpListener node)
    {
        using var client = await node.AcceptTcpClientAsync();
        var stream = client.GetStream();
        await ReadAsync(stream);
        await stream.WriteAsync("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"u8.ToArray());
        await ReadAsync(stream);
        node.Stop();
    }

    private static async Task ReadAsync(NetworkStream stream)
    {
        var text = new StringBuilder();
        var buffer = new byte[4_096];
        while (!text.ToString().Contains("\r\n\r\n", StringComparison.Ordinal))
            text.Append(Encoding.ASCII.GetString(buffer, 0, await stream.ReadAsync(buffer)));
    }
}
