using System.Net;
using System.Net.Sockets;
using System.Text;
using EntityActors.Tests.Shared;
using EntityActors.Tests.Shared.Http;
using Xunit;

namespace EntityActors.Host.Tests.Http;

/// <summary>Content that stands in a blob: as any content, but for where it is.</summary>
public sealed class LargeContentTests(StoreFixture store) : IClassFixture<StoreFixture>
{
    private const string Dataset = "large";
    private const int MiB = 1024 * 1024;
    private static readonly TimeSpan WaitMax = TimeSpan.FromSeconds(60);

    [Theory]
    [InlineData(0)]
    [InlineData(MiB - 1)]
    [InlineData(MiB)]
    [InlineData(MiB + 1)]
    [InlineData((4 * MiB) - 1)]
    [InlineData(4 * MiB)]
    [InlineData((4 * MiB) + 1)]
    public async Task Every_size_comes_back_byte_for_byte_with_and_without_a_length(int length)
    {
        await store.Store.PutAsync(Dataset, $"size-{length}", ["a:1"], null);
        foreach (var (bytes, isChunked, revision) in new[] { (Random(length), false, 2), (new byte[length], true, 3) })
        {
            var answer = await PutAsync($"size-{length}", new MemoryStream(bytes), isChunked);
            Assert.Equal(HttpStatusCode.OK, answer);
            var found = await store.Http.GetAsync(Path($"size-{length}"));
            Assert.True(found.Bytes.AsSpan().SequenceEqual(bytes), $"{found.Bytes.Length} bytes");
            Assert.Equal(($"\"{revision}\"", "application/x-bytes"), (found.Headers["ETag"], found.Headers["Content-Type"]));
        }

        Assert.Equal(length > MiB ? 2 : 0, BlobsOf(length));
    }

    [Theory]
    [InlineData("bytes=0-0", 206, 0, 1)]
    [InlineData("bytes=65535-65536", 206, 65_535, 2)]
    [InlineData("bytes=1999990-", 206, 1_999_990, 10)]
    [InlineData("bytes=-5", 206, 1_999_995, 5)]
    [InlineData("bytes=300000-900000", 206, 300_000, 600_001)]
    [InlineData("bytes=2000000-", 416, 0, 0)]
    [InlineData("lines=1-2", 200, 0, 2_000_000)]
    public async Task Ranges_are_cut_out_or_refused(string range, int status, int from, int count)
    {
        var bytes = Random(2_000_000);
        await WriteAsync("range", bytes);
        var answer = await store.Http.GetAsync(Path("range"), $"Range: {range}");
        Assert.Equal(status, answer.Status);
        if (status == 416) Assert.Equal(("range_not_satisfiable", "bytes */2000000"), (answer.Code, answer.Headers["Content-Range"]));
        else Assert.True(answer.Bytes.AsSpan().SequenceEqual(bytes.AsSpan(from, count)), $"{answer.Bytes.Length} bytes");
    }

    [Fact]
    public async Task Conditions_and_HEAD_are_as_with_any_content()
    {
        await WriteAsync("conditions", Random(2_000_000));
        Assert.Equal(206, (await store.Http.GetAsync(Path("conditions"), "Range: bytes=0-1", "If-Range: \"2\"")).Status);
        Assert.Equal(200, (await store.Http.GetAsync(Path("conditions"), "Range: bytes=0-1", "If-Range: \"9\"")).Status);
        Assert.Equal(304, (await store.Http.GetAsync(Path("conditions"), "If-None-Match: \"2\"")).Status);
        Assert.Equal("precondition_failed", (await store.Http.GetAsync(Path("conditions"), "If-Match: \"9\"")).Code);
        var head = await store.Http.SendAsync("HEAD", Path("conditions"), (string?)null);
        Assert.Equal((200, "2000000", 0), (head.Status, head.Headers["Content-Length"], head.Bytes.Length));
    }

    [Fact]
    public async Task JSON_names_it_by_a_link_that_stays_right()
    {
        var (one, two) = (Random(2_000_000), Random(3_000_000));
        await WriteAsync("a/ü link", one);
        var entity = (await store.Http.GetAsync(StoreHttp.EntityPath(Dataset, "a/ü link"))).Json;
        Assert.False(entity.TryGetProperty("content", out _));
        Assert.Equal((2_000_000, "application/x-bytes"), (entity.GetProperty("contentLength").GetInt32(), entity.GetProperty("contentType").GetString()));
        var before = entity.GetProperty("updatedAt").GetString();
        await store.Store.PutContentAsync(Dataset, "a/ü link", two, "application/x-bytes");
        Assert.True((await store.Http.GetAsync(entity.GetProperty("contentLink").GetString()!)).Bytes.AsSpan().SequenceEqual(one));
        var changes = (await store.Http.GetAsync(StoreHttp.EntityPath(Dataset, "a/ü link") + "/history")).Json.GetProperty("items").EnumerateArray().ToList();
        Assert.Equal([2_000_000, 3_000_000], changes.Skip(1).Select(change => change.GetProperty("contentLength").GetInt32()));
        Assert.True((await store.Http.GetAsync(changes[1].GetProperty("contentLink").GetString()!)).Bytes.AsSpan().SequenceEqual(one));
        Assert.True((await store.Http.GetAsync(changes[2].GetProperty("contentLink").GetString()!)).Bytes.AsSpan().SequenceEqual(two));
        var diff = (await store.Http.GetAsync(StoreHttp.EntityPath(Dataset, "a/ü link") + $"/diff?from={before}")).Json;
        Assert.True(diff.GetProperty("contentChanged").GetBoolean());
        await store.Store.PutContentAsync(Dataset, "a/ü link", one, "application/x-bytes");
        Assert.False((await store.Http.GetAsync(StoreHttp.EntityPath(Dataset, "a/ü link") + $"/diff?from={before}")).Json.GetProperty("contentChanged").GetBoolean());
        var feed = (await store.Http.GetAsync($"/v1/datasets/{Dataset}/changes?follow=false")).Body.Split('\n').Count(line => line.Contains("contentLink") && line.Contains("link"));
        Assert.True(feed >= 3, $"{feed} changes of the feed have links");
    }

    [Fact]
    public async Task A_command_id_and_conditions_hold_as_for_any_write()
    {
        var bytes = Random(2_000_000);
        await WriteAsync("once", bytes);
        var conditions = new WriteConditions(CommandId: Guid.NewGuid());
        var first = await store.Store.PutContentAsync(Dataset, "once", bytes, "x/y", conditions);
        var again = await store.Store.PutContentAsync(Dataset, "once", bytes, "x/y", conditions);
        Assert.Equal((first.Commit!.Revision, true), (again.Commit!.Revision, again.Commit.Duplicate));
        bytes[1_000_000]++;
        Assert.Equal("command_id_reused", (await store.Store.PutContentAsync(Dataset, "once", bytes, "x/y", conditions)).Problem!.Code);
        Assert.Equal("precondition_failed", (await store.Store.PutContentAsync(Dataset, "once", bytes, "x/y", new WriteConditions(IfMatch: 1))).Problem!.Code);
        Assert.Equal("not_found", (await store.Store.PutContentAsync(Dataset, "nobody", bytes, "x/y")).Problem!.Code);
        Assert.Equal(3, (await store.Store.GetAsync(Dataset, "once"))!.Revision);
    }

    [Fact]
    public async Task More_than_1_GiB_is_refused_before_it_is_read()
    {
        await store.Store.PutAsync(Dataset, "too-large", [], null);
        using var client = new TcpClient();
        await client.ConnectAsync(store.BaseAddress.Host, store.BaseAddress.Port);
        await using var stream = client.GetStream();
        await stream.WriteAsync(Encoding.ASCII.GetBytes($"PUT {Path("too-large")} HTTP/1.1\r\nHost: {store.BaseAddress.Authority}\r\nContent-Length: 1073741825\r\n\r\n"));
        var answer = new byte[4096];
        var text = Encoding.ASCII.GetString(answer, 0, await stream.ReadAsync(answer).AsTask().WaitAsync(WaitMax));
        Assert.StartsWith("HTTP/1.1 413", text, StringComparison.Ordinal);
        Assert.Equal(1, (await store.Store.GetAsync(Dataset, "too-large"))!.Revision);
    }

    [Fact]
    public async Task A_client_that_goes_away_leaves_nothing()
    {
        await store.Store.PutAsync(Dataset, "gone", [], null);
        using (var client = new TcpClient())
        {
            await client.ConnectAsync(store.BaseAddress.Host, store.BaseAddress.Port);
            await using var stream = client.GetStream();
            await stream.WriteAsync(Encoding.ASCII.GetBytes($"PUT {Path("gone")} HTTP/1.1\r\nHost: {store.BaseAddress.Authority}\r\nContent-Length: 50000000\r\n\r\n"));
            await stream.WriteAsync(Random(5_000_000));
            await UntilAsync(() => Uploads().Length == 1, "an upload is under way");
        }

        await UntilAsync(() => Uploads().Length == 0, "the upload is gone");
        Assert.Equal(1, (await store.Store.GetAsync(Dataset, "gone"))!.Revision);
    }

    [Fact]
    public async Task A_damaged_block_ends_the_answer_and_costs_nothing_else()
    {
        var bytes = Random(3_000_000);
        await store.Store.PutAsync(Dataset, "damaged", ["a:1"], "\"small\"");
        var earlier = await store.Store.GetAsync(Dataset, "damaged");
        var known = Blobs();
        await store.Store.PutContentAsync(Dataset, "damaged", bytes, "x/y");
        var path = Assert.Single(Blobs().Except(known));
        Spoil(path, 2_000_000);
        await Assert.ThrowsAnyAsync<HttpRequestException>(() => store.Http.GetAsync(Path("damaged")));
        var range = await store.Http.GetAsync(Path("damaged"), "Range: bytes=0-999999");
        Assert.True(range.Bytes.AsSpan().SequenceEqual(bytes.AsSpan(0, 1_000_000)));
        var entity = await store.Store.GetAsync(Dataset, "damaged");
        Assert.Equal((2, "a:1"), (entity!.Revision, Assert.Single(entity.Tags)));
        Assert.Equal("\"small\"", (await store.Http.GetAsync($"{Path("damaged")}?asOf={Rfc3339.Format(earlier!.UpdatedAt)}")).Body);
        Spoil(path, 100);
        Assert.Equal((500, "corrupted"), await StatusAndCodeAsync("damaged"));
        File.Delete(path);
        Assert.Equal((500, "corrupted"), await StatusAndCodeAsync("damaged"));
        Assert.Equal(200, (await store.Http.GetAsync(StoreHttp.EntityPath(Dataset, "damaged") + "/history")).Status);
        Assert.Equal(200, (await store.Store.PutContentAsync(Dataset, "damaged", bytes, "x/y")).Status);
        Assert.True((await store.Http.GetAsync(Path("damaged"))).Bytes.AsSpan().SequenceEqual(bytes));
    }

    private async Task<(int, string?)> StatusAndCodeAsync(string id)
    {
        var answer = await store.Http.GetAsync(Path(id));
        return (answer.Status, answer.Code);
    }

    private static void Spoil(string path, int offset)
    {
        using var file = File.Open(path, FileMode.Open, FileAccess.ReadWrite);
        file.Position = offset;
        var before = file.ReadByte();
        file.Position = offset;
        file.WriteByte((byte)(before ^ 1));
    }

    private async Task WriteAsync(string id, byte[] bytes)
    {
        await store.Store.PutAsync(Dataset, id, [], null);
        Assert.Equal(200, (await store.Store.PutContentAsync(Dataset, id, bytes, "application/x-bytes")).Status);
    }

    private async Task<HttpStatusCode> PutAsync(string id, Stream bytes, bool isChunked)
    {
        using var request = new HttpRequestMessage(HttpMethod.Put, new Uri(Path(id), UriKind.Relative)) { Content = new StreamContent(bytes) };
        request.Content.Headers.ContentType = new("application/x-bytes");
        request.Headers.TransferEncodingChunked = isChunked;
        using var answer = await store.Store.Raw.SendAsync(request);
        return answer.StatusCode;
    }

    private static async Task UntilAsync(Func<bool> condition, string what)
    {
        var deadline = Environment.TickCount64 + (long)WaitMax.TotalMilliseconds;
        while (!condition())
        {
            Assert.True(Environment.TickCount64 < deadline, $"waited too long until {what}");
            await Task.Delay(20);
        }
    }

    private int BlobsOf(int length) => Blobs().Count(path => new FileInfo(path).Length == 512 + length + (4 * ((length + 65_535) / 65_536)) + 64);

    private string[] Blobs() => Directory.GetFiles(store.DataDirectory, "*.blob", SearchOption.AllDirectories);

    private string[] Uploads() =>
        Directory.Exists(System.IO.Path.Combine(store.DataDirectory, "uploads"))
            ? [.. Directory.GetFiles(System.IO.Path.Combine(store.DataDirectory, "uploads"), "*", SearchOption.AllDirectories).Where(path => !path.EndsWith("lock"))]
            : [];

    private static byte[] Random(int length)
    {
        var bytes = new byte[length];
        SeedSource.For(21, length).NextBytes(bytes);
        return bytes;
    }

    private static string Path(string id) => StoreHttp.EntityPath(Dataset, id) + "/content";
}
