using System.Collections.Concurrent;
using Akka.Actor;
using Akka.TestKit;
using Akka.TestKit.Xunit2;
using EntityActors.Actors.Hosting;
using EntityActors.Actors.Protocol;
using EntityActors.Actors.Tests.Hosting;
using EntityActors.Actors.Tests.Protocol;
using EntityActors.Actors.Transfers;
using EntityActors.Storage.Format;
using EntityActors.Storage.Model;
using Xunit;

namespace EntityActors.Actors.Tests.Transfers;

/// <summary>A fetch from a sender played by a probe: what it asks for, and what becomes of it when the sender is gone, hostile or slow.</summary>
public sealed class TransferActorTests : TestKit
{
    private const int ChunkBytes = 100;
    private static readonly ShardId Shard = Samples.Shard;

    private static readonly TransferLimits Limits = new()
    {
        ChunkBytes = ChunkBytes, WindowChunks = 3, MessageBytesMax = 2_000, FetchedBytesMax = 2_000, CountMax = 4,
        Timeout = TimeSpan.FromSeconds(10), StallTimeout = TimeSpan.FromSeconds(3),
    };

    private readonly ManualTime _time = new();
    private readonly TransferCounters _counters = new();
    private readonly OfferedMessages _offers;
    private readonly IActorRef _actor;
    private readonly BlockingCollection<object> _delivered = [];
    private UInt128 _lastId = 1_000;

    public TransferActorTests()
        : base("akka.actor.provider = local, akka.loglevel = OFF, akka.stdout-loglevel = OFF, akka.test.single-expect-default = 30s\n" + StoreHocon.BuiltIn())
    {
        _offers = new OfferedMessages(Limits, _time);
        var packing = new Packing((ExtendedActorSystem)Sys);
        _actor = Sys.ActorOf(Props.Create(() => new TransferActor(_offers, Limits, _time, packing, _counters)));
    }

    [Fact]
    public async Task A_message_is_fetched_one_window_at_a_time_and_whole()
    {
        var (sender, request, bytes) = (CreateTestProbe(), Request(900), Bytes(900));
        var message = Offer(sender, bytes);
        Fetch(message);
        var asked = 0;
        for (; asked < 300; asked += ChunkBytes) Assert.Equal(new FetchChunk(message.Id, asked, ChunkBytes), await sender.ExpectMsgAsync<FetchChunk>());
        await sender.ExpectNoMsgAsync(TimeSpan.FromMilliseconds(100));
        Assert.Equal((1, bytes.Length), _counters.Fetches);
        for (var given = 0; given < bytes.Length; given += ChunkBytes)
        {
            Give(sender, message, bytes, given);
            if (asked >= bytes.Length) continue;
            Assert.Equal(new FetchChunk(message.Id, asked, Math.Min(ChunkBytes, bytes.Length - asked)), await sender.ExpectMsgAsync<FetchChunk>());
            asked += ChunkBytes;
        }

        Assert.Equal(ObjectText.Of(request), ObjectText.Of(Next()));
        await AssertEmptyAsync();
    }

    [Fact]
    public async Task A_call_that_is_sent_twice_is_fetched_once_and_delivered_twice()
    {
        var (sender, bytes) = (CreateTestProbe(), Bytes(50));
        var message = Offer(sender, bytes);
        Fetch(message);
        Fetch(message);
        await sender.ExpectMsgAsync<FetchChunk>();
        await sender.ExpectNoMsgAsync(TimeSpan.FromMilliseconds(100));
        Give(sender, message, bytes, 0);
        Give(sender, message, bytes, ChunkBytes);
        Assert.IsType<ExecuteCommand>(Next());
        Assert.IsType<ExecuteCommand>(Next());
        await AssertEmptyAsync();
    }

    [Theory]
    [InlineData(ChunkBytes, ChunkBytes)]
    [InlineData(0, ChunkBytes - 1)]
    [InlineData(0, ChunkBytes + 1)]
    [InlineData(0, 0)]
    [InlineData(50, ChunkBytes)]
    [InlineData(int.MaxValue, ChunkBytes)]
    public async Task A_chunk_that_is_not_due_ends_the_fetch(int offset, int length)
    {
        var sender = CreateTestProbe();
        var message = Offer(sender, Bytes(900));
        Fetch(message);
        await sender.ExpectMsgAsync<FetchChunk>();
        _actor.Tell(new TransferChunk(message.Id, offset, new byte[length]), sender);
        AssertFailed("not the one that is due");
        await AssertEmptyAsync();
    }

    [Fact]
    public async Task A_chunk_that_overlaps_what_is_there_ends_the_fetch()
    {
        var (sender, bytes) = (CreateTestProbe(), Bytes(900));
        var message = Offer(sender, bytes);
        Fetch(message);
        Give(sender, message, bytes, 0);
        Give(sender, message, bytes, 0);
        AssertFailed("not the one that is due");
        // The rest comes too late for anybody.
        for (var given = ChunkBytes; given < bytes.Length; given += ChunkBytes) Give(sender, message, bytes, given);
        await AssertEmptyAsync();
        Assert.Empty(_delivered);
    }

    [Fact]
    public async Task Another_checksum_ends_the_fetch_and_the_message_is_not_delivered()
    {
        var (sender, bytes) = (CreateTestProbe(), Bytes(50));
        var message = Offer(sender, bytes);
        Fetch(message);
        bytes[^1] ^= 1;
        for (var given = 0; given < bytes.Length; given += ChunkBytes) Give(sender, message, bytes, given);
        AssertFailed("checksum");
        await AssertEmptyAsync();
    }

    [Theory]
    [InlineData("q99", false)]
    [InlineData("q2", false)]
    [InlineData("q14", true)]
    public async Task Bytes_that_are_no_message_end_the_fetch(string manifest, bool isEnvelope)
    {
        var sender = CreateTestProbe();
        var bytes = isEnvelope ? new ProtocolSerializer((ExtendedActorSystem)Sys).ToBinary(Request(50)) : Bytes(50);
        var message = Offer(sender, bytes) with { Manifest = manifest };
        Fetch(message);
        for (var given = 0; given < bytes.Length; given += ChunkBytes) Give(sender, message, bytes, given);
        AssertFailed("could not be fetched");
        await AssertEmptyAsync();
    }

    [Fact]
    public async Task Only_the_node_that_keeps_a_message_has_a_say_in_it()
    {
        var (sender, stranger, bytes) = (CreateTestProbe(), CreateTestProbe(), Bytes(50));
        var message = Offer(sender, bytes);
        Fetch(message);
        _actor.Tell(new TransferGone(message.Id), stranger);
        _actor.Tell(new TransferChunk(message.Id, 5, new byte[3]), stranger);
        for (var given = 0; given < bytes.Length; given += ChunkBytes) Give(sender, message, bytes, given);
        Assert.IsType<ExecuteCommand>(Next());
        await AssertEmptyAsync();
    }

    [Theory]
    [InlineData(0)]
    [InlineData(2_001)]
    [InlineData(int.MaxValue)]
    public async Task A_reference_of_an_impossible_length_takes_no_memory(int length)
    {
        Fetch(Offer(CreateTestProbe(), Bytes(50)) with { Length = length });
        AssertFailed("its reference");
        await AssertEmptyAsync();
    }

    [Fact]
    public async Task A_reference_that_names_no_actor_is_refused_and_one_of_another_length_does_not_join_the_first()
    {
        Fetch(Offer(CreateTestProbe(), Bytes(50)) with { Owner = "nobody" });
        AssertFailed("its reference");
        var message = Offer(CreateTestProbe(), Bytes(50));
        Fetch(message);
        Fetch(message with { Length = message.Length + 1 });
        AssertFailed("its reference");
        _time.Advance(Limits.Timeout);
        AssertFailed("in time");
        await AssertEmptyAsync();
    }

    [Fact]
    public async Task What_its_sender_does_not_keep_ends_the_fetch()
    {
        var sender = CreateTestProbe();
        var message = Offer(sender, Bytes(50));
        Fetch(message);
        _actor.Tell(new TransferGone(message.Id), sender);
        AssertFailed("does not keep it");
        await AssertEmptyAsync();
    }

    [Fact]
    public async Task A_sender_that_falls_silent_holds_memory_for_a_bounded_time()
    {
        var (sender, bytes) = (CreateTestProbe(), Bytes(900));
        var message = Offer(sender, bytes);
        Fetch(message);
        Give(sender, message, bytes, 0);
        // The last of these is asked for once the chunk is there.
        for (var asked = 0; asked <= Limits.WindowChunks; asked++) await sender.ExpectMsgAsync<FetchChunk>();
        Assert.Equal((1, bytes.Length), _counters.Fetches);
        _time.Advance(Limits.StallTimeout);
        AssertFailed("in time");
        await AssertEmptyAsync();
    }

    [Fact]
    public async Task A_sender_that_never_ends_is_given_up()
    {
        var (sender, bytes) = (CreateTestProbe(), Bytes(1_500));
        var message = Offer(sender, bytes);
        Fetch(message);
        for (var given = 0; given < 500; given += ChunkBytes)
        {
            Give(sender, message, bytes, given);
            await sender.ExpectMsgAsync<FetchChunk>();
            _time.Advance(Limits.StallTimeout - TimeSpan.FromSeconds(1));
        }

        AssertFailed("in time");
        await AssertEmptyAsync();
    }

    [Fact]
    public async Task Buffers_and_fetches_are_bounded_and_what_waits_comes_to_its_turn()
    {
        var senders = Enumerable.Range(0, 4).Select(_ => CreateTestProbe()).ToList();
        var bytes = Bytes(900);
        var messages = senders.Select(sender => Offer(sender, bytes)).ToList();
        foreach (var message in messages) Fetch(message);
        Fetch(Offer(CreateTestProbe(), bytes));
        Assert.IsType<ShardFault.Busy>(Next());
        // Two buffers are all there may be.
        for (var i = 0; i < 2; i++) await senders[i].ExpectMsgAsync<FetchChunk>();
        foreach (var waiting in senders.Skip(2)) await waiting.ExpectNoMsgAsync(TimeSpan.FromMilliseconds(50));
        Assert.Equal((4, 2 * bytes.Length), _counters.Fetches);
        for (var i = 0; i < 4; i++)
        {
            for (var given = 0; given < bytes.Length; given += ChunkBytes) Give(senders[i], messages[i], bytes, given);
            Assert.IsType<ExecuteCommand>(Next());
            if (i + 2 < 4) await senders[i + 2].ExpectMsgAsync<FetchChunk>();
        }

        await AssertEmptyAsync();
    }

    [Fact]
    public async Task One_window_is_shared_by_all_that_is_fetched_from_one_node()
    {
        var (sender, bytes) = (CreateTestProbe(), Bytes(150));
        var messages = new[] { Offer(sender, bytes), Offer(sender, bytes) };
        foreach (var message in messages) Fetch(message);
        var chunks = (bytes.Length + ChunkBytes - 1) / ChunkBytes;
        for (var i = 0; i < Limits.WindowChunks; i++)
            Assert.Equal(messages[i / chunks].Id, (await sender.ExpectMsgAsync<FetchChunk>()).Id);
        await sender.ExpectNoMsgAsync(TimeSpan.FromMilliseconds(100));
        // What the first one still had under way is free again when it ends.
        _actor.Tell(new TransferGone(messages[0].Id), sender);
        AssertFailed("does not keep it");
        Assert.Equal(messages[1].Id, (await sender.ExpectMsgAsync<FetchChunk>()).Id);
    }

    [Fact]
    public async Task What_is_offered_is_given_in_chunks_and_dropped_when_nobody_fetches_it()
    {
        var id = _offers.TryOffer(new object(), new byte[150])!.Value;
        _actor.Tell(TransferActor.Offered.Instance);
        _actor.Tell(new FetchChunk(id, 0, ChunkBytes), TestActor);
        Assert.Equal(ChunkBytes, (await ExpectMsgAsync<TransferChunk>()).Bytes.Length);
        _actor.Tell(new FetchChunk(id, 0, ChunkBytes + 1), TestActor);
        await ExpectMsgAsync<TransferGone>();
        _time.Advance(Limits.Timeout);
        await Eventually.HoldsAsync(() => _offers.Usage == (0, 0), () => $"{_offers.Usage}");
        _actor.Tell(new FetchChunk(id, 0, ChunkBytes), TestActor);
        await ExpectMsgAsync<TransferGone>();
    }

    private static ExecuteCommand Request(int contentBytes) => new(Shard, new PutContent(Samples.Key, new CommandId(7), "me", null, default,
        new Content("x/y", Enumerable.Range(0, contentBytes).Select(static i => (byte)i).ToArray())));

    private static byte[] Bytes(int contentBytes) => ProtocolSerializer.TryWrite(Request(contentBytes), out _)!.Value.ToArray();

    private Carried.Elsewhere Offer(TestProbe sender, byte[] bytes) =>
        new(sender.Ref.Path.ToSerializationFormat(), ++_lastId, bytes.Length, Crc32C.Compute(bytes), PackedKind.Protocol, "q1");

    private void Fetch(Carried.Elsewhere message) => _actor.Tell(new Fetch(Shard, message, _delivered.Add));

    private void Give(TestProbe sender, Carried.Elsewhere message, byte[] bytes, int offset)
    {
        if (offset < bytes.Length)
            _actor.Tell(new TransferChunk(message.Id, offset, bytes.AsMemory(offset, Math.Min(ChunkBytes, bytes.Length - offset)).ToArray()), sender);
    }

    private object Next()
    {
        Assert.True(_delivered.TryTake(out var next, TimeSpan.FromSeconds(30)), "nothing was delivered");
        return next;
    }

    private void AssertFailed(string why)
    {
        var fault = Assert.IsType<ShardFault.Unavailable>(Next());
        Assert.Contains(why, fault.Reason, StringComparison.Ordinal);
        Assert.Equal(Shard, fault.Shard);
    }

    private Task AssertEmptyAsync() => Eventually.HoldsAsync(() => _counters.Fetches == (0, 0), () => $"{_counters.Fetches}");
}
