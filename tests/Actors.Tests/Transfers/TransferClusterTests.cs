using Akka.Actor;
using EntityActors.Actors.Client;
using EntityActors.Actors.Feeds;
using EntityActors.Actors.Protocol;
using EntityActors.Actors.Transfers;
using EntityActors.Storage.Model;
using Xunit;
using Xunit.Abstractions;

namespace EntityActors.Actors.Tests.Transfers;

/// <summary>Large contents between the members of a real cluster: equal bytes, bounded memory, and typed answers when there is no room.</summary>
public sealed class TransferClusterTests(ITestOutputHelper output)
{
    private const int MiB = 1024 * 1024;
    private static readonly TimeSpan AskTimeout = TimeSpan.FromSeconds(60);

    private static int _contents;

    // A machine with much else to do: what is slow here is not what is tried.
    private static readonly ClientLimits Patient = new() { TryTimeout = TimeSpan.FromSeconds(30), CallTimeout = TimeSpan.FromMinutes(2), ResendDelay = TimeSpan.FromSeconds(20) };

    [Fact]
    public async Task Contents_of_every_size_are_put_and_got_through_a_member_that_does_not_own_the_shard()
    {
        await using var members = await StartAsync();
        var bound = new TransferLimits().WholeBytesMax;
        foreach (var (key, size) in members.Keys().Zip([.. SizesAround(bound), 0, bound, 8 * MiB]))
        {
            var put = Put(key, Random(size));
            Assert.IsType<CommandResult.Committed>(await members.First.Store.ExecuteAsync(put, default));
            foreach (var node in new[] { members.First, members.Second })
                AssertSame(put.Content!, (await node.Store.GetAsync(key, null, true, default))!.Content!);
        }

        await members.AssertEmptyAsync();
    }

    [Fact]
    public async Task Large_pages_histories_and_feeds_arrive_whole()
    {
        await using var members = await StartAsync();
        var key = members.Keys().First();
        var puts = Enumerable.Range(0, 9).Select(_ => Put(key, Random(300_000))).ToList();
        foreach (var put in puts) Assert.IsType<CommandResult.Committed>(await members.First.Store.ExecuteAsync(put, default));

        var history = await members.First.Store.HistoryAsync(new HistoryQuery(key, null, null, 0, 100), default);
        Assert.Equal(puts.Count, history.Changes.Length);
        foreach (var (put, change) in puts.Zip(history.Changes)) AssertSame(put.Content!, change.Content!);

        var others = members.Keys().Skip(1).Take(5).Select(other => Put(other, Random(400_000))).ToList();
        foreach (var put in others) await members.First.Store.ExecuteAsync(put, default);
        var page = await members.First.Store.QueryAsync(
            new EntityQuery(new TagQuery("docs", [], false, [], Lifecycle.Active), null, 100, null, Count: false, WithContent: true), default);
        foreach (var put in others) AssertSame(put.Content!, page.Items.Single(item => item.Head.Key == put.Key).Content!);

        var fed = new List<Change>();
        await foreach (var item in members.First.Store.ChangesAsync(new FeedQuery(FeedQuery.Beginning, default, null, Follow: false), default))
        {
            if (item.Change is { } change) fed.Add(change);
        }

        foreach (var put in puts.Concat(others)) AssertSame(put.Content!, fed.Single(change => change.CommandId == put.Id).Content!);
        await members.AssertEmptyAsync();
    }

    [Fact]
    public async Task A_client_that_sends_protocol_messages_itself_is_served_at_any_size_or_told_how()
    {
        await using var members = await StartAsync();
        var (system, region) = await members.StartClientAsync();
        foreach (var (key, size) in members.Keys().Zip([MiB, 4 * MiB]))
        {
            var put = Put(key, Random(size));
            var shard = key.ShardOf(members.First.Store.ShardCount);
            Assert.IsType<CommandCommitted>(await region.Ask<object>(new ExecuteCommand(shard, put), AskTimeout));
            var bare = await region.Ask<object>(new GetEntity(shard, key, null, true), AskTimeout);
            if (size == MiB) AssertSame(put.Content!, Assert.IsType<EntityFound>(bare).Entity!.Content!);
            else Assert.Contains(nameof(ShardCall), Assert.IsType<ShardFault.InvalidQuery>(bare).Detail, StringComparison.Ordinal);
            var answer = await region.Ask<object>(ShardCall.For(new GetEntity(shard, key, null, true)), AskTimeout);
            var whole = Assert.IsType<EntityFound>(await ShardAnswer.WholeAsync(answer, default));
            AssertSame(put.Content!, whole.Entity!.Content!);
        }

        await members.AssertEmptyAsync();
        await system.Terminate();
    }

    [Fact]
    public async Task A_message_that_is_too_large_for_any_node_is_refused()
    {
        await using var members = await StartAsync();
        var put = Put(members.Keys().First(), new byte[17 * MiB]);
        var refusal = await Assert.ThrowsAsync<InvalidQueryException>(() => members.First.Store.ExecuteAsync(put, default));
        Assert.Contains("have at most", refusal.Message, StringComparison.Ordinal);
        await members.AssertEmptyAsync();
    }

    [Fact]
    public async Task More_than_there_is_room_for_is_answered_busy_and_nothing_leaks()
    {
        await using var members = await TwoMembers.StartAsync($"entityactors.transfers.offered-bytes-max = {5 * MiB}",
            static options => options with { Client = Patient with { TryCountMax = 1 } });
        var puts = members.Keys().Take(12).Select(key => Put(key, Random(2 * MiB))).ToList();
        var results = await Task.WhenAll(puts.Select(async put =>
        {
            try
            {
                return await members.First.Store.ExecuteAsync(put, default) is CommandResult.Committed;
            }
            catch (StoreBusyException)
            {
                return false;
            }
        }));
        output.WriteLine($"{results.Count(done => done)} of {results.Length} had room");
        Assert.Contains(true, results);
        Assert.Contains(false, results);
        foreach (var (put, isDone) in puts.Zip(results))
        {
            var found = await members.Second.Store.GetAsync(put.Key, null, true, default);
            if (isDone) AssertSame(put.Content!, found!.Content!);
            else Assert.Null(found);
        }

        await members.AssertEmptyAsync();
        // Sent again, each finds room.
        foreach (var put in puts) Assert.IsType<CommandResult.Committed>(await members.First.Store.ExecuteAsync(put, default));
        await members.AssertEmptyAsync();
    }

    [Fact]
    public async Task References_to_nothing_are_refused_and_take_no_memory()
    {
        await using var members = await StartAsync();
        var key = members.Keys().First();
        var shard = key.ShardOf(members.First.Store.ShardCount);
        var (system, region) = await members.StartClientAsync();
        var owner = $"{Akka.Cluster.Cluster.Get(system).SelfAddress}/system/{TransferActor.ActorName}";
        _ = ContentTransfers.Of(system);
        var forged = new Carried.Elsewhere(owner, 12345, 300_000, 1, PackedKind.Protocol, "q1");
        foreach (var (reference, why) in new[]
        {
            (forged, "does not keep it"),
            (forged with { Length = int.MaxValue, Id = 1 }, "its reference"),
            (forged with { Owner = "nobody", Id = 2 }, "its reference"),
            (forged with { Owner = "akka.tcp://entityactors@127.0.0.1:1/system/x", Id = 3 }, "in time"),
        })
        {
            var answer = await region.Ask<object>(new ShardCall(shard, reference, TakesReference: true), AskTimeout);
            Assert.Contains(why, Assert.IsType<ShardFault.Unavailable>(answer).Reason, StringComparison.Ordinal);
        }

        // A request of another shard, or no request at all, under a right checksum.
        foreach (var message in new object[] { new GetEntity(new ShardId(shard.Value ^ 1), key, null, true), new EntityFound(null) })
        {
            ProtocolSerializer.TryWrite(message, out var manifest);
            var offered = ContentTransfers.Of(system).TryOffer(message, new Carried.Packed(PackedKind.Protocol, manifest, ProtocolSerializer.TryWrite(message, out _)!.Value))!;
            Assert.IsType<ShardFault.InvalidQuery>(await region.Ask<object>(new ShardCall(shard, offered, TakesReference: true), AskTimeout));
        }

        await members.AssertEmptyAsync();
        await system.Terminate();
    }

    [Fact]
    public async Task While_a_shard_moves_each_large_write_is_acknowledged_once_or_unknown_and_every_content_is_one_that_was_sent()
    {
        await using var members = await TwoMembers.StartAsync();
        using var stop = new CancellationTokenSource();
        var written = 0;
        var writers = members.Keys().Take(4).Select(key => Task.Run(async () =>
        {
            var sent = new Dictionary<CommandId, PutEntity>();
            var acknowledged = new List<CommandId>();
            while (!stop.IsCancellationRequested)
            {
                var put = Put(key, Random(MiB));
                sent.Add(put.Id, put);
                try
                {
                    Assert.IsType<CommandResult.Committed>(await members.First.Store.ExecuteAsync(put, default));
                    acknowledged.Add(put.Id);
                    Interlocked.Increment(ref written);
                }
                catch (StoreException failure) when (failure is OutcomeUnknownException or StoreUnavailableException or StoreBusyException)
                {
                    output.WriteLine(failure.Message);
                }
            }

            return (key, sent, acknowledged);
        })).ToList();
        await Hosting.Eventually.HoldsAsync(() => Volatile.Read(ref written) >= 8, () => $"{written} written");
        await members.StopSecondAsync();
        var before = Volatile.Read(ref written);
        await Hosting.Eventually.HoldsAsync(() => Volatile.Read(ref written) >= before + 8, () => $"{written} written");
        await stop.CancelAsync();
        foreach (var (key, sent, acknowledged) in await Task.WhenAll(writers))
        {
            var found = new List<CommandId>();
            for (HistoryPage? page = null; page is null or { HasMore: true };)
            {
                page = await members.First.Store.HistoryAsync(new HistoryQuery(key, null, null, page?.Changes[^1].Revision ?? 0, 100), default);
                foreach (var change in page.Changes) AssertSame(sent[change.CommandId].Content!, change.Content!);
                found.AddRange(page.Changes.Select(change => change.CommandId));
            }

            Assert.Equal(found.Count, found.Distinct().Count());
            Assert.Empty(acknowledged.Except(found));
        }

        await Hosting.Eventually.HoldsAsync(() => ContentTransfers.Of(members.First.System).Usage == default, () => $"{ContentTransfers.Of(members.First.System).Usage}");
    }

    private static Task<TwoMembers> StartAsync() => TwoMembers.StartAsync(change: static options => options with { Client = Patient });

    /// <summary>Sizes of content with which the whole command is one byte below the bound, the bound, and one above it.</summary>
    private static IEnumerable<int> SizesAround(int bound)
    {
        var probe = Put(new EntityKey("docs", "e0"), new byte[bound]);
        var overhead = ProtocolSerializer.TryWrite(new ExecuteCommand(default, probe), out _)!.Value.Length - bound;
        return [bound - overhead - 1, bound - overhead, bound - overhead + 1];
    }

    /// <summary>Bytes unlike those of any other call.</summary>
    private static byte[] Random(int size)
    {
        var bytes = new byte[size];
        new Random(Interlocked.Increment(ref _contents)).NextBytes(bytes);
        return bytes;
    }

    private static PutEntity Put(EntityKey key, byte[] bytes) =>
        new(key, CommandId.New(), "me", null, default, [], new Content("application/octet-stream", bytes));

    private static void AssertSame(Content expected, Content found) => Assert.True(expected.Bytes.Span.SequenceEqual(found.Bytes.Span), "another content");
}
