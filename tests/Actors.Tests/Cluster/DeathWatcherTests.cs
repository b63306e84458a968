using Akka.Actor;
using Akka.Cluster;
using Akka.Configuration;
using Akka.Remote;
using Akka.TestKit.Xunit2;
using EntityActors.Actors.Cluster;
using EntityActors.Actors.Hosting;
using EntityActors.Actors.Tests.Hosting;
using EntityActors.Storage.Io;
using EntityActors.Tests.Shared;
using EntityActors.Tests.Shared.Faults;
using Xunit;

namespace EntityActors.Actors.Tests.Cluster;

/// <summary>The death watcher over real locks and a cluster that only records: proof is acted on, and nothing else is.</summary>
public sealed class DeathWatcherTests : TestKit
{
    private static readonly DeathWatchLimits Limits = new()
    {
        LookDelayMin = TimeSpan.FromMilliseconds(1), LookCountMax = 5, UnreachableInterval = TimeSpan.FromMilliseconds(10),
        CleanUpInterval = TimeSpan.FromHours(1),
    };

    private static readonly UniqueAddress Self = Node(4050, 1);
    private static readonly UniqueAddress Peer = Node(4053, 77);
    private static readonly string[] Deeds = [$"down {Peer.Address}", $"terminated {Peer.Address}#77"];

    private readonly TempDirectory _directory = new();
    private readonly RecordingMembership _members = new();
    private readonly HookedFileSystem _files = new(PosixFileSystem.Instance);
    private readonly ProcessLocks _locks;
    private int _looks;

    public DeathWatcherTests()
        : base(ConfigurationFactory.ParseString("akka.loglevel = OFF, akka.stdout-loglevel = OFF").WithFallback(StoreHocon.BuiltIn()))
    {
        _locks = new ProcessLocks(PosixFileSystem.Instance, _directory.Path, "boot");
        _members.Set(new MembershipView.Peer(Peer, IsDown: false, IsUnreachable: false));
        _files.Before = (call, _) =>
        {
            if (call == FileCall.Lock) Interlocked.Increment(ref _looks);
        };
    }

    protected override void AfterAll()
    {
        base.AfterAll();
        _directory.Dispose();
    }

    [Fact]
    public async Task A_member_whose_lock_is_free_when_its_connection_is_lost_is_marked_down_and_quarantined_once()
    {
        Die(Peer);
        var watcher = await StartAsync(Limits with { UnreachableInterval = TimeSpan.FromHours(1) });
        Lose(Peer);
        await DeedsAre(Deeds);
        // The other direction of the same connection, and a few tries to make it again.
        for (var i = 0; i < 3; i++) Lose(Peer);
        await SettledAsync(watcher, views: 5);
        Assert.Equal(Deeds, _members.Deeds);
    }

    [Fact]
    public async Task A_failed_connection_counts_like_a_lost_one()
    {
        Die(Peer);
        await StartAsync(Limits);
        Sys.EventStream.Publish(new AssociationErrorEvent(new IOException("refused"), Self.Address, Peer.Address, false, Akka.Event.LogLevel.WarningLevel));
        await DeedsAre(Deeds);
    }

    [Fact]
    public async Task An_unreachable_member_whose_lock_is_free_is_removed_though_its_connection_was_lost_long_before()
    {
        Die(Peer);
        _members.Set(new MembershipView.Peer(Peer, IsDown: false, IsUnreachable: true));
        var watcher = await StartAsync(Limits);
        watcher.Tell(new MembershipView(true, [new MembershipView.Peer(Peer, IsDown: false, IsUnreachable: true)]));
        await DeedsAre(Deeds);
    }

    [Fact]
    public async Task One_that_is_marked_down_already_is_only_quarantined()
    {
        Die(Peer);
        _members.Set(new MembershipView.Peer(Peer, IsDown: true, IsUnreachable: false));
        await StartAsync(Limits);
        Lose(Peer);
        await DeedsAre(Deeds[1]);
    }

    [Fact]
    public async Task Nothing_is_done_while_the_lock_is_held()
    {
        using var held = _locks.Hold(DeathWatcher.IdentityOf(Peer));
        var watcher = await StartAsync(Limits);
        Lose(Peer);
        await LooksAre(Limits.LookCountMax);
        await SettledAsync(watcher, views: 1);
        Assert.Empty(_members.Deeds);
        // A connection that is lost again is looked at again.
        Lose(Peer);
        await LooksAre(2 * Limits.LookCountMax);
        await SettledAsync(watcher, views: 2);
        Assert.Empty(_members.Deeds);
    }

    [Fact]
    public async Task A_frozen_member_that_is_not_reached_is_left_alone_until_it_is_killed()
    {
        var held = _locks.Hold(DeathWatcher.IdentityOf(Peer));
        _members.Set(new MembershipView.Peer(Peer, IsDown: false, IsUnreachable: true));
        var watcher = await StartAsync(Limits);
        Lose(Peer);
        await LooksAre(Limits.LookCountMax + 20);
        Assert.Empty(_members.Deeds);
        held.Dispose();
        Die(Peer);
        await DeedsAre(Deeds);
    }

    [Fact]
    public async Task A_lock_that_is_released_a_moment_after_the_connection_was_lost_is_proof()
    {
        var held = _locks.Hold(DeathWatcher.IdentityOf(Peer));
        _files.Before = (call, _) =>
        {
            if (call != FileCall.Lock || Interlocked.Increment(ref _looks) != 3) return;
            held.Dispose();
            Die(Peer);
        };
        await StartAsync(Limits);
        Lose(Peer);
        await DeedsAre(Deeds);
        Assert.Equal(3, Volatile.Read(ref _looks));
    }

    [Fact]
    public async Task The_lock_of_another_start_or_with_another_content_proves_nothing()
    {
        Die(Node(Peer.Address.Port!.Value, Peer.Uid + 1));
        var watcher = await StartAsync(Limits);
        Lose(Peer);
        await LooksAre(1);
        await SettledAsync(watcher, views: 1);
        Assert.Empty(_members.Deeds);

        Die(Node(4099, Peer.Uid));
        Lose(Peer);
        await LooksAre(2);
        await SettledAsync(watcher, views: 2);
        Assert.Empty(_members.Deeds);
    }

    [Fact]
    public async Task A_lock_that_cannot_be_looked_at_proves_nothing()
    {
        Die(Peer);
        _files.Before = (call, path) =>
        {
            if (call == FileCall.Lock && Interlocked.Increment(ref _looks) == 1)
                throw new Storage.Model.StoreIoException("open", path, 5, "the disk refused");
        };
        var watcher = await StartAsync(Limits);
        Lose(Peer);
        await LooksAre(1);
        await SettledAsync(watcher, views: 1);
        Assert.Empty(_members.Deeds);
        Lose(Peer);
        await DeedsAre(Deeds);
    }

    [Fact]
    public async Task A_successor_at_the_same_address_is_not_marked_down_for_its_dead_predecessor()
    {
        Die(Peer);
        var successor = new UniqueAddress(Peer.Address, Peer.Uid + 1);
        using var held = _locks.Hold(DeathWatcher.IdentityOf(successor));
        // It has taken the place by the time that the members are asked for once more.
        _members.Viewing = number =>
        {
            if (number == 2) _members.Set(new MembershipView.Peer(successor, IsDown: false, IsUnreachable: false));
        };
        var watcher = await StartAsync(Limits);
        Lose(Peer);
        await SettledAsync(watcher, views: 2);
        Assert.Empty(_members.Deeds);
    }

    [Fact]
    public async Task The_deed_is_repeated_for_as_long_as_the_dead_member_is_one()
    {
        Die(Peer);
        var watcher = await StartAsync(Limits);
        Lose(Peer);
        await Eventually.HoldsAsync(() => _members.Deeds.Count >= 6, () => $"{_members.Deeds.Count} deeds");
        _members.Set();
        var views = _members.Views;
        Lose(Node(4099, 1));
        await SettledAsync(watcher, views + 1);
        var deeds = _members.Deeds.Count;
        await Task.Delay(10 * Limits.UnreachableInterval);
        await SettledAsync(watcher, views + 1);
        Assert.Equal(deeds, _members.Deeds.Count);
    }

    [Fact]
    public async Task Locks_of_the_dead_are_removed_by_a_member_once_nobody_asks_about_them()
    {
        _members.SetJoined(false);
        Die(Peer);
        Die(Node(4060, 5));
        using var held = _locks.Hold(DeathWatcher.IdentityOf(Node(4061, 6)));
        var watcher = await StartAsync(Limits with { CleanUpInterval = TimeSpan.FromMilliseconds(5) });
        await SettledAsync(watcher, views: 3);
        Assert.Equal(3, Directory.GetFiles(_directory.Path).Length);
        _members.SetJoined(true);
        await Eventually.HoldsAsync(() => Directory.GetFiles(_directory.Path).Length == 2, () => "not removed");
        await SettledAsync(watcher, views: _members.Views + 2);
        Assert.Equal(ProcessLockState.Released, _locks.Look(DeathWatcher.IdentityOf(Peer)));
    }

    private static UniqueAddress Node(int port, int uid) => new(new Address("akka.tcp", "entityactors", "127.0.0.1", port), uid);

    private async Task<IActorRef> StartAsync(DeathWatchLimits limits)
    {
        var watcher = Sys.ActorOf(DeathWatcher.PropsFor(new ProcessLocks(_files, _directory.Path, "boot"), _members, Self, limits));
        // From here on it has subscribed to what it watches.
        await watcher.Ask<ActorIdentity>(new Identify(null), TimeSpan.FromSeconds(10));
        return watcher;
    }

    private void Lose(UniqueAddress node) => Sys.EventStream.Publish(new DisassociatedEvent(Self.Address, node.Address, false));

    /// <summary>What a killed process leaves: its file, without the lock.</summary>
    private void Die(UniqueAddress node) => DeadProcess.Leave(_locks, _directory.Path, node);

    private Task DeedsAre(params string[] deeds) => Eventually.HoldsAsync(
        () => _members.Deeds.Take(deeds.Length).SequenceEqual(deeds), () => string.Join(", ", _members.Deeds));

    private Task LooksAre(int count) => Eventually.HoldsAsync(() => Volatile.Read(ref _looks) >= count, () => $"{_looks} looks");

    /// <summary>It has seen so many views, and everything that was sent to it before is done.</summary>
    private async Task SettledAsync(IActorRef watcher, int views)
    {
        await Eventually.HoldsAsync(() => _members.Views >= views, () => $"{_members.Views} views");
        await watcher.Ask<ActorIdentity>(new Identify(null), TimeSpan.FromSeconds(10));
    }
}
