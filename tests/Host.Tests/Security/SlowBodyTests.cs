using System.Diagnostics;
using System.Net.Sockets;
using System.Text;
using Xunit;

namespace EntityActors.Host.Tests.Security;

/// <summary>A node that lets bodies come slowly, and asks for sessions often.</summary>
public sealed class SlowBodyFixture : SecureStoreFixture
{
    protected override string MoreSettings => """
        entityactors.security.session-unconfirmed-max = 16s
        entityactors.http.body-bytes-per-second-min = 1B
        """;
}

/// <summary>Requests that are let in and end after what they were let in by is gone.</summary>
public sealed class SlowBodyTests(SlowBodyFixture store) : IClassFixture<SlowBodyFixture>
{
    private static readonly TimeSpan BrokenOffWithin = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(100);

    [Theory]
    [InlineData("/v1/users", """{"username":"late","password":"a long enough one","roles":["admin"]}""")]
    [InlineData("/api/v1/users/create", """{"username":"late","password":"a long enough one","role":"admin"}""")]
    [InlineData("/v1/datasets/slow/transactions", """{"operations":[{"op":"put","id":"late","tags":[]}]}""")]
    [InlineData("/api/v1/entities/create", """{"tags":["dataset:slow"],"id":"late"}""")]
    public async Task Who_is_revoked_while_a_body_is_under_way_changes_nothing_any_more(string path, string body)
    {
        var user = "slow-" + Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(Encoding.UTF8.GetBytes(path)))[..8];
        await store.AddUserAsync(user, "admin");
        var token = await store.TokenAsync(user, SecureStoreFixture.UserPassword);
        using var client = new TcpClient();
        await client.ConnectAsync(store.BaseAddress.Host, store.BaseAddress.Port);
        var stream = client.GetStream();
        await stream.WriteAsync(Encoding.UTF8.GetBytes($"POST {path} HTTP/1.1\r\nHost: {store.BaseAddress.Authority}\r\nAuthorization: Bearer {token}\r\n"
            + "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n"));
        // It was let in, and its body is waited for.
        Assert.Equal("HTTP/1.1 100 Continue", await ReadAsync(stream));
        var answer = ReadAsync(stream);
        Assert.Equal(200, (await store.Admin.SendAsync("PATCH", $"/v1/users/{user}", """{"disabled":true}""")).Status);
        var since = Stopwatch.StartNew();
        while (!answer.IsCompleted && since.Elapsed < BrokenOffWithin && await TryWriteAsync(stream, "1\r\n \r\n")) await Task.Delay(Pause);
        await TryWriteAsync(stream, $"{Encoding.UTF8.GetByteCount(body):x}\r\n{body}\r\n0\r\n\r\n");
        Assert.Equal("HTTP/1.1 504 Gateway Timeout", await answer);
        Assert.Equal(404, (await store.Admin.GetAsync("/v1/users/late")).Status);
        Assert.Equal(404, (await store.Admin.GetAsync("/v1/datasets/slow/entities/late")).Status);
    }

    private static async Task<bool> TryWriteAsync(NetworkStream stream, string text)
    {
        try
        {
            await stream.WriteAsync(Encoding.UTF8.GetBytes(text));
            return true;
        }
        catch (IOException)
        {
            // Broken off.
            return false;
        }
    }

    /// <summary>The status line, or "" when the connection is broken off without an answer.</summary>
    private static async Task<string> ReadAsync(NetworkStream stream)
    {
        var bytes = new byte[64];
        try
        {
            var count = await stream.ReadAsync(bytes);
            return Encoding.Latin1.GetString(bytes, 0, count).Split("\r\n")[0];
        }
        catch (IOException)
        {
            return "";
        }
    }
}
