using System.Collections.Immutable;
using Akka.Cluster;

namespace EntityActors.Actors.Cluster;

/// <summary>The other members of the cluster at one moment.</summary>
/// <param name="IsJoined">Whether this node itself is a member that the others know.</param>
internal sealed record MembershipView(bool IsJoined, ImmutableArray<MembershipView.Peer> Peers)
{
    public static MembershipView Of(ClusterEvent.CurrentClusterState state, UniqueAddress self)
    {
        var peers = ImmutableArray.CreateBuilder<Peer>();
        var isJoined = false;
        foreach (var member in state.Members)
        {
            if (member.UniqueAddress.Equals(self)) isJoined = member.Status is MemberStatus.Up or MemberStatus.WeaklyUp;
            else peers.Add(new Peer(member.UniqueAddress, member.Status == MemberStatus.Down, state.Unreachable.Contains(member)));
        }

        return new MembershipView(isJoined, peers.ToImmutable());
    }

    public Peer? Find(UniqueAddress node)
    {
        foreach (var peer in Peers)
        {
            if (peer.Node.Equals(node)) return peer;
        }

        return null;
    }

    internal sealed record Peer(UniqueAddress Node, bool IsDown, bool IsUnreachable);
}
