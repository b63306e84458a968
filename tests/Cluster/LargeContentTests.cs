using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;
using EntityActors.Tests.Shared;
using EntityActors.Tests.Shared.Http;
using EntityActors.Tests.Shared.Processes;
using Xunit;
using Xunit.Abstractions;

namespace EntityActors.Cluster.Tests;

/// <summary>Large contents in and out of the real program: bytes, memory, kills, a full disk, clients that stall.</summary>
public sealed class LargeContentTests(ITestOutputHelper output) : IDisposable
{
    private const string Dataset = "large";
    private const int MiB = 1024 * 1024;
    private const long MemoryBytesMax = 200L * 1000 * 1000;
    private static readonly TimeSpan WaitMax = TimeSpan.FromMinutes(2);
    private static readonly TimeSpan HttpTimeout = TimeSpan.FromMinutes(10);

    private readonly TempDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task Contents_of_every_size_up_to_1_GiB_come_back_while_the_node_stays_below_200_MB()
    {
        await using var server = await ServerProcess.StartAsync(new ServerOptions(_directory.File("data"), ShardCount: 16));
        using var http = new StoreHttp(server.BaseAddress, HttpTimeout);
        foreach (var length in new[] { 0, MiB, (4 * MiB) - 1, 4 * MiB, (4 * MiB) + 1, 50_000_000, 1024 * MiB })
        {
            // Of NULs, too, which a gigabyte tells nothing more about.
            foreach (var seed in length > 50_000_000 ? new[] { 7 } : [7, 0])
            {
                await RoundTripAsync(http, $"size-{length}-{seed}", length, seed);
                output.WriteLine($"{length} bytes, seed {seed}: the node's peak is {PeakBytes(server) / 1_000_000} MB");
                Assert.True(PeakBytes(server) < MemoryBytesMax, $"{PeakBytes(server)} bytes of memory at {length} bytes of content");
            }
        }

        await Task.WhenAll(Enumerable.Range(0, 8).Select(i => RoundTripAsync(http, $"at-once-{i}", 20_000_000 + i, i + 1)));
        output.WriteLine($"8 contents at once: the node's peak is {PeakBytes(server) / 1_000_000} MB");
        Assert.True(PeakBytes(server) < MemoryBytesMax, $"{PeakBytes(server)} bytes of memory");
    }

    [Fact]
    public async Task A_node_killed_in_mid_upload_shows_nothing_of_it_and_leaves_no_file()
    {
        var options = new ServerOptions(_directory.File("data"), TinyThresholds.ShardCount, [Settings("entityactors.contents.sweep-interval = 100ms")]);
        await using (var server = await ServerProcess.StartAsync(options))
        {
            using var http = new StoreHttp(server.BaseAddress, HttpTimeout);
            Assert.NotNull((await http.PutAsync(Dataset, "killed", ["a:1"], "\"before\"")).Commit);
            using var client = await BeginAsync(server, "killed", 500_000_000);
            await UntilAsync(() => Uploads().Sum(path => new FileInfo(path).Length) > 5_000_000, "an upload is under way");
            await server.KillAsync();
            Assert.Single(Uploads());
        }

        await using var again = await ServerProcess.StartAsync(options);
        using var reader = new StoreHttp(again.BaseAddress, HttpTimeout);
        Assert.Equal(1, (await reader.GetAsync(Dataset, "killed"))!.Revision);
        Assert.Equal("\"before\"", await reader.Raw.GetStringAsync(new Uri(ContentPath("killed"), UriKind.Relative)));
        await UntilAsync(() => Uploads().Length == 0, "what was written of it is gone");
        Assert.Empty(Directory.GetFiles(_directory.Path, "*.blob", SearchOption.AllDirectories));
        await RoundTripAsync(reader, "killed", 3_000_000, seed: 5, create: false);
    }

    [Fact]
    public async Task Contents_stay_through_kills_checkpoints_and_merges_and_what_nobody_names_goes()
    {
        var options = new ServerOptions(_directory.File("data"), 2, [TinyThresholds.WriteTo(_directory.Path),
            Settings("entityactors.contents.sweep-interval = 100ms, entityactors.contents.unnamed-age = 0s")]);
        for (var start = 0; start < 3; start++)
        {
            await using var server = await ServerProcess.StartAsync(options);
            using var http = new StoreHttp(server.BaseAddress, HttpTimeout);
            for (var i = 0; i < start; i++) await CompareAsync(http, $"kept-{i}", 2_000_000, seed: i + 1);
            await RoundTripAsync(http, $"kept-{start}", 2_000_000, seed: start + 1);
            for (var i = 0; i < 200; i++) Assert.NotNull((await http.PutAsync(Dataset, $"filler-{i}", [$"n:{i}"], $"\"{new string('x', 500)}\"")).Commit);
            for (var shard = 0; shard < 2; shard++)
                (await http.Raw.PostAsync(new Uri($"/v1/shards/{shard}/checkpoint", UriKind.Relative), null)).EnsureSuccessStatusCode();
            using var refused = new HttpRequestMessage(HttpMethod.Put, new Uri(ContentPath("kept-0"), UriKind.Relative)) { Content = new StreamContent(new PatternStream(3_000_000, 9)) };
            refused.Headers.TryAddWithoutValidation("If-Match", "\"99\"");
            using (var answer = await http.Raw.SendAsync(refused)) Assert.Equal(HttpStatusCode.PreconditionFailed, answer.StatusCode);
            await UntilAsync(() => Blobs().Length == start + 1, "only what changes name is left");
            await server.KillAsync();
        }

        Assert.Equal(3, Blobs().Length);
        var verified = await EaCommand.RunAsync(WaitMax, "verify", "--data", _directory.File("data"));
        Assert.True(verified.ExitCode == 0, verified.ToString());
        using (var file = File.OpenWrite(Blobs()[0]))
        {
            file.Position = 1_000_000;
            file.Write(new byte[8]);
        }

        verified = await EaCommand.RunAsync(WaitMax, "verify", "--data", _directory.File("data"));
        Assert.True(verified.ExitCode == 6, verified.ToString());
    }

    [SkippableFact]
    public async Task A_full_disk_refuses_the_content_and_keeps_nothing_of_it()
    {
        var reason = SmallFileSystem.Unavailable();
        Skip.If(reason is not null, reason);
        using var disk = new SmallFileSystem(192);
        await using var server = await ServerProcess.StartAsync(new ServerOptions(Path.Combine(disk.Path, "data"), TinyThresholds.ShardCount, [TinyThresholds.WriteTo(_directory.Path)]));
        using var http = new StoreHttp(server.BaseAddress, HttpTimeout);
        Assert.NotNull((await http.PutAsync(Dataset, "full", ["a:1"], null)).Commit);
        var ballast = disk.AddBallast(freeBytes: 40 * MiB);
        var refused = await http.PutContentAsync(Dataset, "full", new byte[100_000_000], "x/y");
        Assert.Equal((507, "storage_full"), (refused.Status, refused.Problem?.Code));
        Assert.Equal(["lock"], Directory.GetFiles(Path.Combine(disk.Path, "data", "uploads"), "*", SearchOption.AllDirectories).Select(Path.GetFileName));
        Assert.Empty(Directory.GetFiles(disk.Path, "*.blob", SearchOption.AllDirectories));
        Assert.Equal(1, (await http.GetAsync(Dataset, "full"))!.Revision);
        File.Delete(ballast);
        var deadline = Environment.TickCount64 + (long)WaitMax.TotalMilliseconds;
        while ((await http.PutContentAsync(Dataset, "full", new byte[20_000_000], "x/y")).Status != 200)
        {
            Assert.True(Environment.TickCount64 < deadline, $"still refused\n{server.Output}");
            await Task.Delay(500);
        }
    }

    [Fact]
    public async Task A_client_that_stalls_is_disconnected_and_leaves_nothing()
    {
        await using var server = await ServerProcess.StartAsync(
            new ServerOptions(_directory.File("data"), 2, [Settings("entityactors.contents.stall-timeout = 1s")]));
        using var http = new StoreHttp(server.BaseAddress, HttpTimeout);
        Assert.NotNull((await http.PutAsync(Dataset, "slow", [], null)).Commit);
        using var client = new TcpClient();
        await client.ConnectAsync(server.BaseAddress.Host, server.BaseAddress.Port);
        await using var stream = client.GetStream();
        await stream.WriteAsync(HeadOf(server, "slow", 50_000_000));
        await stream.WriteAsync(new byte[2_000_000]);
        await UntilAsync(() => Uploads().Length == 1, "an upload is under way");
        var answer = new byte[4096];
        var text = Encoding.ASCII.GetString(answer, 0, await stream.ReadAsync(answer).AsTask().WaitAsync(WaitMax));
        Assert.StartsWith("HTTP/1.1 408", text, StringComparison.Ordinal);
        await UntilAsync(() => Uploads().Length == 0, "the upload is gone");
        Assert.Equal(1, (await http.GetAsync(Dataset, "slow"))!.Revision);
    }

    private async Task RoundTripAsync(StoreHttp http, string id, int length, int seed, bool create = true)
    {
        if (create) Assert.NotNull((await http.PutAsync(Dataset, id, ["a:1"], null)).Commit);
        using var body = new StreamContent(new PatternStream(length, seed));
        body.Headers.ContentLength = length;
        using (var put = await http.Raw.PutAsync(new Uri(ContentPath(id), UriKind.Relative), body))
            Assert.True(put.StatusCode == HttpStatusCode.OK, $"{put} {await put.Content.ReadAsStringAsync()}");
        await CompareAsync(http, id, length, seed);
    }

    private static async Task CompareAsync(StoreHttp http, string id, int length, int seed)
    {
        using var found = await http.Raw.GetAsync(new Uri(ContentPath(id), UriKind.Relative), HttpCompletionOption.ResponseHeadersRead);
        Assert.Equal((HttpStatusCode.OK, length), (found.StatusCode, found.Content.Headers.ContentLength));
        await using var bytes = await found.Content.ReadAsStreamAsync();
        using var expected = new PatternStream(length, seed);
        byte[] one = new byte[256 * 1024], other = new byte[256 * 1024];
        for (long done = 0; ;)
        {
            var count = await bytes.ReadAtLeastAsync(one, one.Length, throwOnEndOfStream: false);
            Assert.Equal(count, await expected.ReadAtLeastAsync(other, other.Length, throwOnEndOfStream: false));
            Assert.True(one.AsSpan(0, count).SequenceEqual(other.AsSpan(0, count)), $"{id}: other bytes behind {done}");
            if (count == 0) return;
            done += count;
        }
    }

    /// <summary>A request whose body goes on until the connection ends.</summary>
    private static async Task<TcpClient> BeginAsync(ServerProcess server, string id, int length)
    {
        var client = new TcpClient();
        await client.ConnectAsync(server.BaseAddress.Host, server.BaseAddress.Port);
        _ = SendAsync(client.GetStream());
        return client;

        async Task SendAsync(NetworkStream stream)
        {
            try
            {
                await stream.WriteAsync(HeadOf(server, id, length));
                for (var sent = 0; sent < length / 2; sent += 100_000)
                {
                    await stream.WriteAsync(new byte[100_000]);
                    await Task.Delay(1);
                }
            }
            catch (IOException)
            {
                // The node was killed.
            }
        }
    }

    private static byte[] HeadOf(ServerProcess server, string id, int length) => Encoding.ASCII.GetBytes(
        $"PUT {ContentPath(id)} HTTP/1.1\r\nHost: {server.BaseAddress.Authority}\r\nContent-Length: {length}\r\n\r\n");

    private static async Task UntilAsync(Func<bool> condition, string what)
    {
        var deadline = Environment.TickCount64 + (long)WaitMax.TotalMilliseconds;
        while (!condition())
        {
            Assert.True(Environment.TickCount64 < deadline, $"waited too long until {what}");
            await Task.Delay(20);
        }
    }

    private static long PeakBytes(ServerProcess server)
    {
        var line = File.ReadLines($"/proc/{server.ProcessId}/status").First(text => text.StartsWith("VmHWM:", StringComparison.Ordinal));
        return long.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[^2], CultureInfo.InvariantCulture) * 1024;
    }

    private string[] Uploads()
    {
        var directory = _directory.File("data/uploads");
        return Directory.Exists(directory)
            ? [.. Directory.GetFiles(directory, "*", SearchOption.AllDirectories).Where(path => !path.EndsWith("lock", StringComparison.Ordinal))]
            : [];
    }

    private string[] Blobs() => Directory.GetFiles(_directory.File("data"), "*.blob", SearchOption.AllDirectories);

    private string Settings(string hocon)
    {
        var path = _directory.File("contents.hocon");
        File.WriteAllText(path, hocon.Replace(", ", "\n", StringComparison.Ordinal));
        return path;
    }

    private static string ContentPath(string id) => StoreHttp.EntityPath(Dataset, id) + "/content";

    /// <summary>Bytes that differ from place to place, or zeros for seed 0, without holding them.</summary>
    private sealed class PatternStream(long length, int seed) : Stream
    {
        private readonly byte[] _piece = Piece(seed);
        private long _position;

        public override bool CanRead => true;

        public override bool CanSeek => false;

        public override bool CanWrite => false;

        public override long Length => length;

        public override long Position
        {
            get => _position;
            set => throw new NotSupportedException();
        }

        public override int Read(byte[] buffer, int offset, int count)
        {
            var place = (int)(_position % _piece.Length);
            var given = (int)Math.Min(Math.Min(count, _piece.Length - place), length - _position);
            _piece.AsSpan(place, given).CopyTo(buffer.AsSpan(offset));
            _position += given;
            return given;
        }

        public override void Flush()
        {
        }

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        // A prime, so that blocks of the store never repeat.
        private static byte[] Piece(int seed)
        {
            var bytes = new byte[1_000_003];
            if (seed != 0) new Random(seed).NextBytes(bytes);
            return bytes;
        }
    }
}
