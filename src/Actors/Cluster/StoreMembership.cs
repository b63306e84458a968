using Akka.Cluster;

namespace EntityActors.Actors.Cluster;

/// <summary>Which store a member serves: it says so by a role.</summary>
/// <remarks>
/// A node with a data directory of its own that asks the seeds of another store's cluster would be let in, be given shards, and answer for them out
/// of its own directory: what others had acknowledged would be gone. The cluster is that of its oldest member's store. Whoever serves another one
/// claims nothing and ends.
/// </remarks>
internal static class StoreMembership
{
    public const string RolePrefix = "store-id=";

    public static string RoleOf(Guid store) => $"{RolePrefix}{store:N}";

    /// <summary>Why this node may claim no shard, or not yet: it is no member, or one of another store's cluster.</summary>
    public static string? ClaimObstacle(Akka.Cluster.Cluster cluster, Guid store)
    {
        if (cluster.SelfMember.Status is MemberStatus.Joining or MemberStatus.Removed) return "this node is no member of a cluster yet";
        return Foreign(cluster, store) is { } other ? $"{Name(other)} serves another store" : null;
    }

    /// <summary>The oldest member that owns shards, if it serves another store than this one. A version that does not say so counts as of the same.</summary>
    public static Member? Foreign(Akka.Cluster.Cluster cluster, Guid store)
    {
        Member? oldest = null;
        foreach (var member in cluster.State.Members)
        {
            if (!member.HasRole(StoreSharding.Role) || member.Status is MemberStatus.Joining or MemberStatus.WeaklyUp) continue;
            if (oldest is null || member.IsOlderThan(oldest)) oldest = member;
        }

        return oldest is null || oldest.HasRole(RoleOf(store)) || !oldest.Roles.Any(IsRole) ? null : oldest;
    }

    public static bool IsRole(string role) => role.StartsWith(RolePrefix, StringComparison.Ordinal);

    public static string Name(Member member) => $"{member.Address.Host}:{member.Address.Port}";
}
