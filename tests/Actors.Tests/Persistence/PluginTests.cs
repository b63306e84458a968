using Akka.Actor;
using Akka.Actor.Setup;
using Akka.Configuration;
using Akka.Persistence;
using Akka.TestKit;
using Akka.TestKit.Xunit2;
using EntityActors.Actors.Hosting;
using EntityActors.Actors.Persistence;
using EntityActors.Actors.Tests.Protocol;
using EntityActors.Storage.Model;
using EntityActors.Storage.Shards;
using Xunit;

namespace EntityActors.Actors.Tests.Persistence;

/// <summary>What Akka.Persistence asks of a journal and a snapshot store, and the traps that its defaults set.</summary>
public sealed class PluginTests : TestKit
{
    private static readonly ShardId One = new(1);
    private static readonly ShardId Two = new(2);

    // Shares its plugin with shard 1: 17 modulo 16.
    private static readonly ShardId Seventeen = new(17);

    private readonly MemoryFiles _files;
    private readonly Guid _writer = Guid.NewGuid();

    public PluginTests()
        : this(new MemoryFiles())
    {
    }

    private PluginTests(MemoryFiles files)
        : base(ActorSystemSetup.Create(
            BootstrapSetup.Create().WithConfig(ConfigurationFactory.ParseString(
                "akka.actor.provider = local, akka.loglevel = OFF, akka.stdout-loglevel = OFF")
                .WithFallback(StoreHocon.BuiltIn()).WithFallback(TestKitBase.DefaultConfig)),
            new PersistenceSetup(files)), "plugins")
    {
        _files = files;
    }

    [Fact]
    public void Events_written_are_replayed_in_order_within_range_and_limit()
    {
        var probe = CreateTestProbe();
        for (var sequence = 1; sequence <= 5; sequence++) WriteOk(One, sequence, probe);
        Assert.Equal([1L, 2, 3, 4, 5], Replay(One, 1, long.MaxValue, long.MaxValue, probe));
        Assert.Equal([2L, 3], Replay(One, 2, 3, long.MaxValue, probe));
        Assert.Equal([2L, 3], Replay(One, 2, long.MaxValue, 2, probe));
        Assert.Equal([5L], Replay(One, 5, 5, 1, probe));
        Assert.Empty(Replay(One, 1, long.MaxValue, 0, probe));
        Assert.Empty(Replay(One, 6, long.MaxValue, long.MaxValue, probe));
        Assert.Empty(Replay(One, 4, 3, long.MaxValue, probe));
        Assert.Empty(Replay(Two, 1, long.MaxValue, long.MaxValue, probe));
    }

    [Fact]
    public void Replay_gives_the_same_event_back()
    {
        var probe = CreateTestProbe();
        var batch = Batch(1);
        Journal(One).Tell(Write(One, batch, probe), probe);
        probe.ExpectMsg<WriteMessagesSuccessful>();
        probe.ExpectMsg<WriteMessageSuccess>();
        Journal(One).Tell(new ReplayMessages(1, long.MaxValue, long.MaxValue, ShardPersistence.IdOf(One), probe), probe);
        Assert.Equal(ObjectText.Of(batch), ObjectText.Of(probe.ExpectMsg<ReplayedMessage>().Persistent.Payload));
    }

    [Fact]
    public void Deleted_events_are_not_replayed_and_the_highest_number_does_not_fall()
    {
        var probe = CreateTestProbe();
        for (var sequence = 1; sequence <= 5; sequence++) WriteOk(One, sequence, probe);
        Journal(One).Tell(new DeleteMessagesTo(ShardPersistence.IdOf(One), 3, probe), probe);
        probe.ExpectMsg<DeleteMessagesSuccess>(done => done.ToSequenceNr == 3);
        Assert.Equal([4L, 5], Replay(One, 1, long.MaxValue, long.MaxValue, probe));
        Journal(One).Tell(new DeleteMessagesTo(ShardPersistence.IdOf(One), long.MaxValue, probe), probe);
        probe.ExpectMsg<DeleteMessagesSuccess>();
        Assert.Empty(Replay(One, 1, long.MaxValue, long.MaxValue, probe));
        Assert.Equal(5, Highest(One, probe));
    }

    [Fact]
    public void The_highest_number_is_never_below_what_a_header_covers()
    {
        var probe = CreateTestProbe();
        for (var sequence = 1; sequence <= 3; sequence++) WriteOk(One, sequence, probe);
        _files.CommitHeader(Header(One, 3, 1));
        _files.TrimAll(One);
        Assert.Equal(3, Highest(One, probe));
    }

    [Fact]
    public void The_highest_number_waits_for_writes_of_an_earlier_incarnation()
    {
        var probe = CreateTestProbe();
        var other = CreateTestProbe();
        WriteOk(One, 1, probe);
        var held = _files.Hold(One);
        Journal(One).Tell(Write(One, Batch(2), probe), probe);
        Journal(One).Tell(new ReplayMessages(1, 0, 0, ShardPersistence.IdOf(One), other), other);
        other.ExpectNoMsg(TimeSpan.FromMilliseconds(200));
        held.SetResult();
        Assert.Equal(2, other.ExpectMsg<RecoverySuccess>().HighestSequenceNr);
    }

    [Fact]
    public void A_fenced_write_is_a_failure_and_not_a_rejection()
    {
        var probe = CreateTestProbe();
        _files.Fail(One, new StaleEpochException(One, new Epoch(1)));
        Journal(One).Tell(Write(One, Batch(1), probe), probe);
        probe.ExpectMsg<WriteMessagesFailed>();
        Assert.IsType<StaleEpochException>(SupervisionCause(probe.ExpectMsg<WriteMessageFailure>().Cause));
    }

    [Fact]
    public void Twenty_fenced_writes_do_not_open_the_circuit_breaker_of_the_others()
    {
        var probe = CreateTestProbe();
        _files.Fail(One, new StaleEpochException(One, new Epoch(1)));
        for (var i = 0; i < 20; i++)
        {
            Journal(One).Tell(Write(One, Batch(1), probe), probe);
            probe.ExpectMsg<WriteMessagesFailed>();
            probe.ExpectMsg<WriteMessageFailure>();
        }

        WriteOk(Seventeen, 1, probe);
    }

    [Fact]
    public void A_slow_write_does_not_hold_back_the_acknowledgement_of_a_shard_on_another_plugin()
    {
        var probe = CreateTestProbe();
        var slow = CreateTestProbe();
        var held = _files.Hold(One);
        Journal(One).Tell(Write(One, Batch(1), slow), slow);
        WriteOk(Two, 1, probe);
        held.SetResult();
        slow.ExpectMsg<WriteMessagesSuccessful>();
        Assert.NotEqual(ShardPersistence.JournalPluginIdOf(One), ShardPersistence.JournalPluginIdOf(Two));
        Assert.Equal(ShardPersistence.JournalPluginIdOf(One), ShardPersistence.JournalPluginIdOf(Seventeen));
    }

    [Fact]
    public void A_long_replay_does_not_delay_a_write_of_another_shard_on_the_same_plugin()
    {
        var probe = CreateTestProbe();
        var replaying = CreateTestProbe();
        WriteOk(One, 1, probe);
        _files.ReadsMayPass.Reset();
        _files.ReadBegan.Reset();
        Journal(One).Tell(new ReplayMessages(1, long.MaxValue, long.MaxValue, ShardPersistence.IdOf(One), replaying), replaying);
        Assert.True(_files.ReadBegan.Wait(TimeSpan.FromSeconds(10)));
        WriteOk(Seventeen, 1, probe);
        _files.ReadsMayPass.Set();
        replaying.ExpectMsg<ReplayedMessage>();
    }

    [Fact]
    public void An_atomic_write_of_several_events_is_refused_whole()
    {
        var probe = CreateTestProbe();
        var write = new AtomicWrite([Persistent(One, Batch(1), probe), Persistent(One, Batch(2), probe)]);
        Journal(One).Tell(new WriteMessages([write], probe, 1), probe);
        probe.ExpectMsg<WriteMessagesFailed>();
        probe.ExpectMsg<WriteMessageFailure>();
        probe.ExpectMsg<WriteMessageFailure>();
        Assert.Equal(0, _files.LastSequence(One).Value);
    }

    [Fact]
    public void An_event_that_cannot_be_serialized_fails_its_write_and_nothing_is_written()
    {
        var probe = CreateTestProbe();
        var bad = new Persistent(new Unregistered(new Epoch(1)), 2, ShardPersistence.IdOf(One), null, false, probe, _writer.ToString());
        Journal(One).Tell(new WriteMessages([new AtomicWrite(Persistent(One, Batch(1), probe)), new AtomicWrite(bad)], probe, 1), probe);
        probe.ExpectMsg<WriteMessagesFailed>();
        Assert.Equal(0, _files.LastSequence(One).Value);
    }

    [Fact]
    public void An_event_under_another_number_than_its_own_is_refused()
    {
        var probe = CreateTestProbe();
        var write = new Persistent(Batch(7), 1, ShardPersistence.IdOf(One), null, false, probe, _writer.ToString());
        Journal(One).Tell(new WriteMessages([new AtomicWrite(write)], probe, 1), probe);
        probe.ExpectMsg<WriteMessagesFailed>();
        Assert.Equal(0, _files.LastSequence(One).Value);
    }

    [Fact]
    public void An_empty_write_succeeds()
    {
        var probe = CreateTestProbe();
        Journal(One).Tell(new WriteMessages([], probe, 1), probe);
        probe.ExpectMsg<WriteMessagesSuccessful>();
    }

    [Fact]
    public void A_header_is_saved_and_offered_under_the_number_it_covers()
    {
        var probe = CreateTestProbe();
        Save(Header(One, 3, 1), probe);
        Save(Header(One, 5, 2), probe);
        Assert.Equal(2, Load(One, SnapshotSelectionCriteria.Latest, probe)!.Generation);
        Assert.Equal(1, Load(One, new SnapshotSelectionCriteria(4), probe)!.Generation);
        Assert.Equal(1, Load(One, new SnapshotSelectionCriteria(3, DateTime.MaxValue, 3), probe)!.Generation);
        Assert.Null(Load(One, new SnapshotSelectionCriteria(2), probe));
        Assert.Null(Load(One, new SnapshotSelectionCriteria(long.MaxValue, DateTime.UnixEpoch), probe));
        Assert.Null(Load(Two, SnapshotSelectionCriteria.Latest, probe));
    }

    [Fact]
    public void Metadata_that_differs_from_the_header_is_refused()
    {
        var probe = CreateTestProbe();
        var header = Header(One, 3, 1);
        foreach (var wrong in new[] { new SnapshotMetadata("shard-0001", 4, DateTime.UnixEpoch), new SnapshotMetadata("shard-0002", 3, DateTime.UnixEpoch) })
        {
            Snapshots().Tell(new SaveSnapshot(wrong, header), probe);
            probe.ExpectMsg<SaveSnapshotFailure>();
        }

        Assert.Empty(_files.Headers(One));
    }

    [Fact]
    public void A_failed_save_and_any_deletion_leave_a_valid_header_where_it_is()
    {
        var probe = CreateTestProbe();
        var header = Header(One, 3, 1);
        _files.AfterHeaderKept = new TimeoutException("after it was written");
        Snapshots().Tell(new SaveSnapshot(EntityActorsSnapshotStore.MetadataOf(header), header), probe);
        probe.ExpectMsg<SaveSnapshotFailure>();
        _files.AfterHeaderKept = null;
        Snapshots().Tell(new DeleteSnapshot(EntityActorsSnapshotStore.MetadataOf(header)), probe);
        probe.ExpectMsg<DeleteSnapshotSuccess>();
        Snapshots().Tell(new DeleteSnapshots(ShardPersistence.IdOf(One), SnapshotSelectionCriteria.Latest), probe);
        probe.ExpectMsg<DeleteSnapshotsSuccess>();
        Assert.Equal(1, Load(One, SnapshotSelectionCriteria.Latest, probe)!.Generation);
    }

    [Fact]
    public void Only_ids_of_shards_are_persistence_ids()
    {
        Assert.Equal(new ShardId(12345), ShardPersistence.ShardOf("shard-12345"));
        Assert.Equal(One, ShardPersistence.ShardOf("shard-0001"));
        foreach (var wrong in new[] { "shard-1", "shard-", "shard-+001", "chard-0001", "shard-00001", "" })
            Assert.Throws<ArgumentException>(() => ShardPersistence.ShardOf(wrong));
    }

    private static Exception SupervisionCause(Exception cause) => Shards.Causes.Innermost(cause);

    private IActorRef Journal(ShardId shard) =>
        Akka.Persistence.Persistence.Instance.Apply(Sys).JournalFor(ShardPersistence.JournalPluginIdOf(shard));

    private IActorRef Snapshots() => Akka.Persistence.Persistence.Instance.Apply(Sys).SnapshotStoreFor(ShardPersistence.SnapshotPluginId);

    private static ChangeBatch Batch(long sequence) => new(new Epoch(1), new SequenceNumber(sequence), [Samples.Change]);

    private static ShardHeader Header(ShardId shard, long sequence, long generation) => new(shard, new Epoch(1), generation,
        new SequenceNumber(sequence), new Timestamp(1_700_000_000_000_000_000 + sequence), 0, 1, 0, 0, 0, []);

    private Persistent Persistent(ShardId shard, ChangeBatch batch, IActorRef sender) =>
        new(batch, batch.Sequence.Value, ShardPersistence.IdOf(shard), null, false, sender, _writer.ToString());

    private WriteMessages Write(ShardId shard, ChangeBatch batch, IActorRef probe) =>
        new([new AtomicWrite(Persistent(shard, batch, probe))], probe, 1);

    private void WriteOk(ShardId shard, long sequence, TestProbe probe)
    {
        Journal(shard).Tell(Write(shard, Batch(sequence), probe), probe);
        probe.ExpectMsg<WriteMessagesSuccessful>();
        probe.ExpectMsg<WriteMessageSuccess>(done => done.Persistent.SequenceNr == sequence);
    }

    private List<long> Replay(ShardId shard, long from, long to, long max, TestProbe probe)
    {
        Journal(shard).Tell(new ReplayMessages(from, to, max, ShardPersistence.IdOf(shard), probe), probe);
        var found = new List<long>();
        while (probe.ExpectMsg<object>() is ReplayedMessage message) found.Add(message.Persistent.SequenceNr);
        return found;
    }

    private long Highest(ShardId shard, TestProbe probe)
    {
        Journal(shard).Tell(new ReplayMessages(1, 0, 0, ShardPersistence.IdOf(shard), probe), probe);
        return probe.ExpectMsg<RecoverySuccess>().HighestSequenceNr;
    }

    private void Save(ShardHeader header, TestProbe probe)
    {
        Snapshots().Tell(new SaveSnapshot(EntityActorsSnapshotStore.MetadataOf(header), header), probe);
        Assert.Equal(header.Sequence.Value, probe.ExpectMsg<SaveSnapshotSuccess>().Metadata.SequenceNr);
    }

    private ShardHeader? Load(ShardId shard, SnapshotSelectionCriteria criteria, TestProbe probe)
    {
        Snapshots().Tell(new LoadSnapshot(ShardPersistence.IdOf(shard), criteria, long.MaxValue), probe);
        return probe.ExpectMsg<LoadSnapshotResult>().Snapshot?.Snapshot as ShardHeader;
    }

    private sealed record Unregistered(Epoch Epoch) : IFencedEvent;
}
