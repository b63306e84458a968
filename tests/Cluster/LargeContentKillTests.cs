using EntityActors.Tests.Shared;
using EntityActors.Tests.Shared.Http;
using EntityActors.Tests.Shared.Processes;
using Xunit;
using Xunit.Abstractions;

namespace EntityActors.Cluster.Tests;

/// <summary>Large contents that are on their way between nodes when one of them is killed: the owner of the shard, or the one through which they came.</summary>
public sealed class LargeContentKillTests(ITestOutputHelper output)
{
    private const int WriterCount = 4;
    private const int CycleCount = 4;
    // The largest that goes between the nodes, and one that goes into a blob.
    private const int SentBytes = 1024 * 1024;
    private const int BlobBytes = 2 * 1024 * 1024;
    private const string Dataset = "large";
    private const string ContentType = "application/octet-stream";
    private static readonly TimeSpan HttpTimeout = TimeSpan.FromSeconds(60);

    [Fact]
    public async Task What_was_acknowledged_is_there_and_every_content_is_one_that_was_sent_while_nodes_are_killed()
    {
        using var directory = new TempDirectory();
        await using var cluster = new ClusterUnderTest(directory.File("data"), nodeCount: 3, shardCount: 12);
        await cluster.StartAsync();
        await cluster.WaitBalancedAsync();
        var servers = new Uri?[3];
        for (var node = 0; node < servers.Length; node++) servers[node] = cluster.Http(node);
        using var stop = new CancellationTokenSource();
        var counts = new int[WriterCount];
        var writers = Enumerable.Range(0, WriterCount).Select(writer => Task.Run(() => WriteAsync(writer))).ToList();
        for (var cycle = 0; cycle < CycleCount; cycle++)
        {
            await WaitForMoreAsync(2 * WriterCount);
            var node = 1 + (cycle % 2);
            Volatile.Write(ref servers[node], null);
            cluster.Kill(node);
            await WaitForMoreAsync(WriterCount);
            await cluster.StartNodeAsync(node);
            Volatile.Write(ref servers[node], cluster.Http(node));
        }

        await WaitForMoreAsync(WriterCount);
        await stop.CancelAsync();
        var last = await Task.WhenAll(writers);
        output.WriteLine($"{counts.Sum()} contents acknowledged; tries that ended without an answer: {last.Sum(one => one.Unanswered)}");
        await cluster.WaitReadyAsync(0);
        for (var node = 0; node < servers.Length; node++)
        {
            using var http = new StoreHttp(cluster.Http(node), HttpTimeout);
            for (var writer = 0; writer < WriterCount; writer++)
            {
                var found = await http.Raw.GetByteArrayAsync(StoreHttp.EntityPath(Dataset, $"w{writer}") + "/content");
                Assert.True(found.AsSpan().SequenceEqual(ContentOf(writer, last[writer].Number)), $"writer {writer}: not the content of write {last[writer].Number}\n{cluster.Output}");
                Assert.Equal(counts[writer], (await http.HistoryAsync(Dataset, $"w{writer}")).Count);
            }
        }

        // Each writes one content after the other and sends it until it is acknowledged, at any node, so that nothing is unknown in the end.
        async Task<(int Number, int Unanswered)> WriteAsync(int writer)
        {
            var unanswered = 0;
            for (var number = 0; ; number++)
            {
                var (id, content) = (Guid.NewGuid(), ContentOf(writer, number));
                for (var turn = writer; !await TryWriteAsync(writer, number, id, content, turn); turn++)
                {
                    unanswered++;
                    await Task.Delay(50);
                }

                Interlocked.Increment(ref counts[writer]);
                if (stop.IsCancellationRequested) return (number, unanswered);
                await CheckAsync(writer, content, turn: number);
            }
        }

        async Task<bool> TryWriteAsync(int writer, int number, Guid id, byte[] content, int turn)
        {
            if (Volatile.Read(ref servers[turn % 3]) is not { } server) return false;
            using var http = new StoreHttp(server, HttpTimeout);
            try
            {
                var conditions = new WriteConditions(CommandId: id);
                var answer = number == 0
                    ? await http.PutAsync(Dataset, $"w{writer}", ["kind:large"], null, conditions)
                    : await http.PutContentAsync(Dataset, $"w{writer}", content, ContentType, conditions);
                return answer.Commit is not null;
            }
            catch (Exception cause) when (cause is HttpRequestException or IOException or OperationCanceledException)
            {
                return false;
            }
        }

        async Task CheckAsync(int writer, byte[] content, int turn)
        {
            if (content.Length == 0 || Volatile.Read(ref servers[turn % 3]) is not { } server) return;
            using var http = new StoreHttp(server, HttpTimeout);
            try
            {
                using var answer = await http.Raw.GetAsync(StoreHttp.EntityPath(Dataset, $"w{writer}") + "/content");
                if (answer.IsSuccessStatusCode) Assert.True((await answer.Content.ReadAsByteArrayAsync()).AsSpan().SequenceEqual(content), "another content");
            }
            catch (Exception cause) when (cause is HttpRequestException or IOException or OperationCanceledException)
            {
                // Its node was killed.
            }
        }

        async Task WaitForMoreAsync(int more)
        {
            var (goal, deadline) = (counts.Sum() + more, Environment.TickCount64 + 180_000);
            while (counts.Sum() < goal)
            {
                if (writers.FirstOrDefault(static writer => writer.IsFaulted) is { } failed) await failed;
                Assert.True(Environment.TickCount64 < deadline, $"{counts.Sum()} of {goal} contents written\n{cluster.Output}");
                await Task.Delay(20);
            }
        }
    }

    /// <summary>The first write of an entity has no content; all others differ from each other.</summary>
    private static byte[] ContentOf(int writer, int number)
    {
        var content = new byte[number == 0 ? 0 : writer % 2 == 0 ? SentBytes : BlobBytes];
        new Random((writer * 100_000) + number).NextBytes(content);
        return content;
    }
}
