using System.Collections.Immutable;

namespace EntityActors.Host.Security;

/// <summary>Who a request acts for, as its session and the roles of its user were less than half a second ago.</summary>
/// <param name="Name">The user's name: the author of what it changes.</param>
/// <param name="SessionId">Hash of the session's token; null without authentication.</param>
/// <param name="ExpiresAt">When the session is over.</param>
internal sealed record Principal(
    string Name, ImmutableArray<string> Roles, ImmutableArray<Permission> Permissions, string? SessionId, DateTimeOffset ExpiresAt)
{
    /// <summary>Everybody, while authentication is off.</summary>
    public static readonly Principal Anyone = new("", [], [Permission.Everything], null, DateTimeOffset.MaxValue);

    /// <param name="dataset">"" for what belongs to no dataset.</param>
    public bool May(string resource, string action, string dataset = "") => Has(new Permission(resource, action, dataset));

    /// <summary>Whether one of the permissions allows all of this one.</summary>
    public bool Has(Permission permission)
    {
        foreach (var own in Permissions)
        {
            if (own.Covers(permission)) return true;
        }

        return false;
    }
}
