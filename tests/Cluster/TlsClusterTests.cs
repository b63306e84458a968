using System.Diagnostics;
using System.Text.RegularExpressions;
using EntityActors.Tests.Shared;
using EntityActors.Tests.Shared.Http;
using EntityActors.Tests.Shared.Processes;
using EntityActors.Tests.Shared.Tls;
using Xunit;

namespace EntityActors.Cluster.Tests;

/// <summary>Real processes that talk TLS to each other, and such as do not.</summary>
public sealed partial class TlsClusterTests : IDisposable
{
    private const int ShardCount = 8;
    private const int EntityCount = 50;
    private const int StartUpError = 1;
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(2);

    private readonly TempDirectory _directory = new();
    private readonly TestAuthority _authority = new();

    public void Dispose()
    {
        _authority.Dispose();
        _directory.Dispose();
    }

    [Fact]
    public async Task Nodes_with_certificates_are_one_cluster_and_a_killed_one_is_replaced()
    {
        await using var cluster = new ClusterUnderTest(_directory.File("data"), 3, ShardCount, tls: Files);
        var acknowledged = new AcknowledgedWrites(cluster);
        await cluster.StartAsync();
        await acknowledged.WriteAsync(0, EntityCount);
        for (var node = 0; node < cluster.NodeCount; node++) await acknowledged.AssertAllThereAsync(node);
        await AssertLargestContentAsync(cluster);
        cluster.Kill(0);
        for (var node = 1; node < cluster.NodeCount; node++)
        {
            await cluster.WaitReadyAsync(node);
            await acknowledged.AssertAllThereAsync(node);
        }

        await cluster.StartNodeAsync(0);
        await acknowledged.AssertAllThereAsync(0);
        Assert.All(await cluster.MembersAsync(0), member => Assert.Equal(("up", true), (member.Status, member.Reachable)));
        for (var node = 0; node < cluster.NodeCount; node++) Assert.Equal(0, await cluster.TerminateAsync(node));
    }

    /// <summary>Which of two nodes has certificates; the other one has none.</summary>
    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public async Task A_node_in_plain_text_and_one_with_tls_do_not_join_each_other(int encrypted)
    {
        string? host = null;
        await using var cluster = new ClusterUnderTest(_directory.File("data"), 2, ShardCount, tls: member =>
        {
            host ??= member.Host;
            return member.Host == host == (encrypted == 0) ? Files(member) : null;
        });
        var acknowledged = new AcknowledgedWrites(cluster);
        await cluster.StartNodeAsync(0);
        await cluster.LaunchAsync(1);
        var since = Stopwatch.StartNew();
        while (!cluster.Node(1).Output.Contains("waiting to join the cluster", StringComparison.Ordinal))
        {
            Assert.True(since.Elapsed < Limit && !cluster.Node(1).HasExited, cluster.Output);
            await Task.Delay(100);
        }

        Assert.False(cluster.IsReady(1), cluster.Output);
        Assert.Single(await cluster.MembersAsync(0));
        await acknowledged.WriteAsync(0, EntityCount);
        await acknowledged.AssertAllThereAsync(0);
    }

    [Fact]
    public async Task Up_gives_its_nodes_the_certificates_it_was_given()
    {
        var files = _authority.Issue(["127.0.0.1"]).WriteTo(_directory.Path, "up", _authority);
        await using var up = ServerProcess.Launch(EaCommand.StartInfo(
            ["up", "--nodes", "2", "--data", _directory.File("data"), "--http", "http://127.0.0.1:0", "--shards", $"{ShardCount}", .. files.Arguments()]));
        using var http = new StoreHttp(await up.WaitReadyAsync(Limit));
        Assert.NotNull((await http.PutAsync("up", "a", ["kind:test"], "1")).Commit);
        Assert.Equal(0, await up.TerminateAsync());
    }

    [Theory]
    [InlineData("key of another", "is not that of the certificate")]
    [InlineData("expired", "valid from")]
    [InlineData("another authority", "authority")]
    [InlineData("another host", "127.0.0.1")]
    [InlineData("no key", "nowhere")]
    [InlineData("no authority", "entityactors.cluster.tls")]
    [InlineData("no cluster", "--cluster-port")]
    public async Task A_certificate_that_cannot_be_used_is_one_clear_line_and_nothing_is_created(string fault, string mentions)
    {
        using var other = new TestAuthority("other");
        var good = _authority.Issue(["127.0.0.1"]);
        var issued = fault switch
        {
            "key of another" => good with { Key = _authority.Issue(["127.0.0.1"]).Key },
            "expired" => _authority.Issue(["127.0.0.1"], TimeSpan.FromDays(-1)),
            "another authority" => other.Issue(["127.0.0.1"]),
            "another host" => _authority.Issue(["127.0.0.2"]),
            _ => good,
        };
        var files = issued.WriteTo(_directory.Path, "member", _authority);
        if (fault == "no key") files = files with { Key = _directory.File("nowhere") };
        var arguments = files.Arguments();
        if (fault == "no authority") arguments = arguments.SkipLast(2);
        if (fault != "no cluster") arguments = arguments.Concat(["--cluster-port", "0"]);
        var data = _directory.File("data");
        var outcome = await EaCommand.RunAsync(Limit, ["serve", "--data", data, "--http", "http://127.0.0.1:0", .. arguments]);
        StartUpTests.AssertRefused(outcome, mentions, StartUpError);
        Assert.False(Directory.Exists(data), $"{data} was created");
    }

    /// <summary>The commands of the document, as they stand there.</summary>
    [SkippableFact]
    public async Task Certificates_made_as_the_document_says_are_accepted()
    {
        var document = await File.ReadAllTextAsync(Path.Combine(AppContext.BaseDirectory, "TLS.md"));
        var commands = ShellBlock.Matches(document).Select(match => match.Groups["text"].Value).Where(text => text.Contains("openssl", StringComparison.Ordinal));
        Skip.If(await RunAsync("openssl version") != 0, "there is no openssl");
        Assert.Equal(0, await RunAsync(string.Join('\n', commands)));
        await using var server = await ServerProcess.StartAsync(new ServerOptions(_directory.File("data"), ShardCount, default, new MemberOptions(
            null, "127.0.0.1", 0, [], new MemberFiles(_directory.File("node-1.pem"), _directory.File("node-1.key"), _directory.File("authority.pem")))));
        Assert.Equal(0, await server.TerminateAsync());
    }

    [GeneratedRegex("```sh\n(?<text>.*?)```", RegexOptions.Singleline)]
    private static partial Regex ShellBlock { get; }

    private async Task<int> RunAsync(string commands)
    {
        using var shell = Process.Start(new ProcessStartInfo("sh", ["-e", "-c", $"exec > /dev/null 2>&1\n{commands}"]) { WorkingDirectory = _directory.Path })!;
        await shell.WaitForExitAsync();
        return shell.ExitCode;
    }

    private MemberFiles Files(MemberOptions member) => _authority.Issue([member.Host]).WriteTo(_directory.Path, member.Node!, _authority);

    /// <summary>It goes through a node that does not own its shard at least twice.</summary>
    private static async Task AssertLargestContentAsync(ClusterUnderTest cluster)
    {
        var content = new byte[8 * 1024 * 1024];
        Random.Shared.NextBytes(content);
        using var first = new StoreHttp(cluster.Http(0));
        var path = new Uri("/v1/datasets/cluster/entities/large/content", UriKind.Relative);
        // In JSON, since raw bytes of this size would go into a blob and not between the nodes.
        using var body = new StringContent($"{{\"contentBase64\":\"{Convert.ToBase64String(content)}\"}}", System.Text.Encoding.UTF8, "application/json");
        using (var put = await first.Raw.PutAsync(new Uri("/v1/datasets/cluster/entities/large", UriKind.Relative), body))
            Assert.True(put.IsSuccessStatusCode, $"{put}");
        for (var node = 0; node < cluster.NodeCount; node++)
        {
            using var http = new StoreHttp(cluster.Http(node));
            Assert.Equal(content, await http.Raw.GetByteArrayAsync(path));
        }
    }
}
