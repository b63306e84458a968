using System.Collections.Immutable;
using EntityActors.Host.Http;
using EntityActors.Host.Security.Audit;
using EntityActors.Storage.Model;

namespace EntityActors.Host.Security;

/// <summary>Makes, changes and deletes roles. Thread-safe; fails as the store does.</summary>
/// <remarks>As with users, nobody gives or touches more than is one's own. What is done is in the audit log first.</remarks>
internal sealed class RoleService(AccountStore accounts, SessionCache sessions, AuditLog audit)
{
    /// <summary>All roles, the built-in ones with the first page.</summary>
    public async Task<(ImmutableArray<RoleAccount> Items, string? Cursor)> ListAsync(int limit, string? cursor, CancellationToken cancellation)
    {
        var (own, next) = await accounts.RolesAsync(limit, cursor, cancellation);
        return cursor is null ? ([.. BuiltInRoles.All.Order(ByName).Select(BuiltIn), .. own], next) : (own, next);
    }

    /// <exception cref="ApiProblem">404.</exception>
    public async Task<RoleAccount> GetAsync(string name, CancellationToken cancellation)
    {
        if (BuiltInRoles.All.TryGetValue(name, out var permissions)) return BuiltIn(KeyValuePair.Create(name, permissions));
        return (await FindAsync(name, cancellation)).Role ?? throw NoSuchRole();
    }

    /// <summary>The whole new role.</summary>
    /// <returns>True when there was none.</returns>
    /// <exception cref="ApiProblem">400, 403, or 409 when somebody else changed it meanwhile.</exception>
    public async Task<bool> PutAsync(Actor actor, string name, ImmutableArray<string> permissions, CancellationToken cancellation)
    {
        if (!RoleAccount.IsName(name))
            throw ApiProblem.Invalid($"a role's name is 1 to {RoleAccount.NameCharsMax} lower-case letters, digits, '.', '_', '@' and '-'");
        CheckOwn(name);
        if (permissions.Length > RoleAccount.PermissionCountMax) throw ApiProblem.Invalid($"a role has at most {RoleAccount.PermissionCountMax} permissions");
        foreach (var text in permissions)
        {
            if (!Permission.TryParse(text, out _)) throw ApiProblem.Invalid("a permission is resource:action or resource:action:dataset, each may be '*'");
        }

        var role = new RoleAccount(name, permissions);
        var (before, revision) = await FindAsync(name, cancellation);
        CheckReach(actor, role);
        if (before is not null) CheckReach(actor, before);
        await audit.WriteAsync(new AuditEvent("role_changed", actor.Principal.Name, name, actor.Client, string.Join(' ', permissions)));
        var condition = before is null ? RevisionCondition.MustNotExist : RevisionCondition.MustBe(revision);
        if (!await accounts.PutRoleAsync(role, condition, actor.Principal.Name, cancellation)) throw Changed(name);
        sessions.ForgetAll();
        return before is null;
    }

    /// <summary>Users who have it can do less from then on. A role made anew under its name is theirs again.</summary>
    /// <exception cref="ApiProblem">403, 404 or 409.</exception>
    public async Task DeleteAsync(Actor actor, string name, CancellationToken cancellation)
    {
        CheckOwn(name);
        var (role, revision) = await FindAsync(name, cancellation);
        CheckReach(actor, role ?? throw NoSuchRole());
        await audit.WriteAsync(new AuditEvent("role_deleted", actor.Principal.Name, name, actor.Client));
        if (!await accounts.DeleteRoleAsync(name, RevisionCondition.MustBe(revision), actor.Principal.Name, cancellation)) throw Changed(name);
        sessions.ForgetAll();
    }

    private async Task<(RoleAccount? Role, long Revision)> FindAsync(string name, CancellationToken cancellation)
    {
        var stored = RoleAccount.IsName(name) ? await accounts.RoleAsync(name, cancellation) : null;
        return (stored?.Value, stored?.Revision ?? 0);
    }

    private static readonly Comparer<KeyValuePair<string, ImmutableArray<Permission>>> ByName =
        Comparer<KeyValuePair<string, ImmutableArray<Permission>>>.Create((one, other) => string.CompareOrdinal(one.Key, other.Key));

    private static RoleAccount BuiltIn(KeyValuePair<string, ImmutableArray<Permission>> role) =>
        new(role.Key, [.. role.Value.Select(permission => permission.ToString())]);

    private static void CheckOwn(string name)
    {
        if (BuiltInRoles.All.ContainsKey(name)) throw new ApiProblem(403, "built_in_role", $"the role {name} is built in");
    }

    private static void CheckReach(Actor actor, RoleAccount role)
    {
        foreach (var permission in role.Parsed)
        {
            if (!actor.Principal.Has(permission)) throw new ApiProblem(403, "forbidden", $"this role allows {permission}, which is more than you may do");
        }
    }

    private static ApiProblem NoSuchRole() => ApiProblem.NotFound("there is no such role");

    private static ApiProblem Changed(string name) => new(409, "conflict", $"{name} was changed at the same time", isRetryable: true);
}
