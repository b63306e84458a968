using System.Collections.Concurrent;
using Akka.Actor;
using Akka.Cluster;
using EntityActors.Actors.Cluster;

namespace EntityActors.Actors.Tests.Cluster;

/// <summary>Members as a test says, and what is done to them.</summary>
internal sealed class RecordingMembership : IMembership
{
    private readonly ConcurrentQueue<string> _deeds = new();
    private volatile MembershipView _view = new(IsJoined: true, []);
    private int _views;

    /// <summary>In order: <c>down</c> with an address, <c>quarantine</c> with a node.</summary>
    public IReadOnlyList<string> Deeds => [.. _deeds];

    public int Views => Volatile.Read(ref _views);

    /// <summary>Called before each view is sent, with its number from 1.</summary>
    public Action<int>? Viewing { get; set; }

    public void Set(params MembershipView.Peer[] peers) => _view = _view with { Peers = [.. peers] };

    public void SetJoined(bool isJoined) => _view = _view with { IsJoined = isJoined };

    public void SendView(IActorRef to)
    {
        var number = Interlocked.Increment(ref _views);
        Viewing?.Invoke(number);
        to.Tell(_view);
    }

    public void Down(Address address) => _deeds.Enqueue($"down {address}");

    public void MarkTerminated(UniqueAddress node) => _deeds.Enqueue($"terminated {node.Address}#{node.Uid}");
}
