using System.Collections.Immutable;
using Akka.Actor;
using Akka.Cluster;
using EntityActors.Actors.Hosting;

namespace EntityActors.Actors.Cluster;

/// <summary>A member of the cluster as this node sees it now.</summary>
/// <param name="Node">Node name within the data directory; null for a member that owns no shards or is no cluster's.</param>
/// <param name="Uid">Tells this start of the process from others at the same address.</param>
/// <param name="Roles">Without those that tell the node name and the store.</param>
public sealed record ClusterMember(
    string Address, string? Node, int Uid, MemberStatus Status, ImmutableArray<string> Roles, bool IsReachable, bool IsLeader, bool IsSelf)
{
    /// <summary>Host and port under which the other members know this node.</summary>
    public static string SelfAddress(ActorSystem system)
    {
        var address = Akka.Cluster.Cluster.Get(system).SelfAddress;
        return $"{address.Host}:{address.Port}";
    }

    /// <summary>Every member that this node knows, in the cluster's own order: it is the same on all nodes.</summary>
    public static ImmutableArray<ClusterMember> List(ActorSystem system)
    {
        var cluster = Akka.Cluster.Cluster.Get(system);
        var state = cluster.State;
        return
        [
            .. state.Members.Select(member => new ClusterMember(
                $"{member.Address.Host}:{member.Address.Port}",
                member.Roles.FirstOrDefault(role => role.StartsWith(ClusterOptions.NodeRolePrefix, StringComparison.Ordinal))
                    ?[ClusterOptions.NodeRolePrefix.Length..],
                member.UniqueAddress.Uid, member.Status,
                [
                    .. member.Roles.Where(static role => !StoreMembership.IsRole(role)
                        && !role.StartsWith(ClusterOptions.NodeRolePrefix, StringComparison.Ordinal)).Order(StringComparer.Ordinal),
                ],
                !state.Unreachable.Contains(member), member.Address == state.Leader, member.UniqueAddress == cluster.SelfUniqueAddress)),
        ];
    }
}
