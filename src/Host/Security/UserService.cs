using System.Collections.Immutable;
using EntityActors.Host.Http;
using EntityActors.Host.Security.Audit;
using EntityActors.Storage.Model;

namespace EntityActors.Host.Security;

/// <summary>Who acts on accounts, and from where.</summary>
internal sealed record Actor(Principal Principal, string Client)
{
    public static Actor Of(HttpContext context) => new(context.Principal(), ClientAddress.Of(context));
}

/// <summary>What is to be changed of a user; null stays as it is.</summary>
internal sealed record UserChange(string? Email, ImmutableArray<string>? Roles, bool? IsDisabled);

/// <summary>Makes, changes and deletes users. Thread-safe; fails as the store does.</summary>
/// <remarks>
/// Nobody gives, takes or touches more than is one's own: a user whose roles allow something that the actor may not do is out of reach, and so is a role.
/// Nobody changes one's own roles or ends one's own account, so there is always an administrator left. What is done is in the audit log first.
/// </remarks>
internal sealed class UserService(
    AccountStore accounts, PasswordWork passwords, LoginService logins, SessionCache sessions, FirstAdministrator first, AuditLog audit,
    SecuritySettings settings, TimeProvider time)
{
    /// <exception cref="ApiProblem">404.</exception>
    public async Task<UserAccount> GetAsync(string name, CancellationToken cancellation) => (await FindAsync(name, cancellation)).User;

    public Task<(ImmutableArray<UserAccount> Items, string? Cursor)> ListAsync(int limit, string? cursor, CancellationToken cancellation) =>
        accounts.UsersAsync(limit, cursor, cancellation);

    /// <exception cref="ApiProblem">400, 403, or 409 when there is such a user.</exception>
    public async Task<UserAccount> CreateAsync(
        Actor actor, string username, string email, ImmutableArray<string> roles, string password, CancellationToken cancellation)
    {
        var name = UserAccount.Normalize(username);
        if (!UserAccount.IsName(name))
            throw ApiProblem.Invalid($"a username is 1 to {UserAccount.NameCharsMax} letters, digits, '.', '_', '@' and '-', the first one a letter or digit");
        CheckEmail(email);
        await CheckRolesAsync(actor, roles, mustExist: true, cancellation);
        var user = new UserAccount(name, email, roles, await HashAsync(name, password, cancellation), IsDisabled: false, AccountGeneration.New(),
            time.GetUtcNow());
        await WriteAsync(actor, "user_created", name, string.Join(' ', roles));
        return await accounts.PutUserAsync(user, RevisionCondition.MustNotExist, actor.Principal.Name, cancellation)
            ? user
            : throw new ApiProblem(409, "user_exists", $"there is a user {name}");
    }

    /// <exception cref="ApiProblem">400, 403, 404, or 409 when somebody else changed it meanwhile.</exception>
    public async Task<UserAccount> UpdateAsync(Actor actor, string name, UserChange change, CancellationToken cancellation)
    {
        var (user, revision) = await FindAsync(name, cancellation);
        await CheckRolesAsync(actor, user.Roles, mustExist: false, cancellation);
        if (change is not { Roles: null, IsDisabled: null }) CheckOther(actor, user);
        if (change.Email is not null) CheckEmail(change.Email);
        if (change.Roles is { } roles) await CheckRolesAsync(actor, roles, mustExist: true, cancellation);
        var changed = user with
        {
            Email = change.Email ?? user.Email, Roles = change.Roles ?? user.Roles, IsDisabled = change.IsDisabled ?? user.IsDisabled,
        };
        // Sessions from before do not come back when the user does.
        if (changed.IsDisabled && !user.IsDisabled) changed = changed with { Generation = user.Generation + 1 };
        await WriteAsync(actor, "user_changed", name, $"{string.Join(' ', changed.Roles)}{(changed.IsDisabled ? " disabled" : "")}");
        await PutAsync(actor, changed, revision, cancellation);
        return changed;
    }

    /// <summary>Another password, given by an administrator; the user's sessions end.</summary>
    /// <exception cref="ApiProblem">400, 403, 404, 409 or 429.</exception>
    public async Task SetPasswordAsync(Actor actor, string name, string password, CancellationToken cancellation)
    {
        var (user, revision) = await FindAsync(name, cancellation);
        await CheckRolesAsync(actor, user.Roles, mustExist: false, cancellation);
        await PutPasswordAsync(actor, user, revision, password, cancellation);
    }

    /// <summary>Another password for oneself, who knows the old one; all sessions end, this one too.</summary>
    /// <exception cref="ApiProblem">400, 403 when the old one is wrong, 409 or 429.</exception>
    public async Task ChangePasswordAsync(Actor actor, string oldPassword, string newPassword, CancellationToken cancellation)
    {
        var (user, revision) = await FindAsync(actor.Principal.Name, cancellation);
        if (!await logins.IsPasswordAsync(user, oldPassword, cancellation))
        {
            audit.Note(new AuditEvent("password_refused", user.Name, user.Name, actor.Client));
            throw new ApiProblem(403, "bad_credentials", "the old password is another one");
        }

        await PutPasswordAsync(actor, user, revision, newPassword, cancellation);
    }

    /// <summary>Ends all sessions of a user.</summary>
    /// <exception cref="ApiProblem">403, 404 or 409.</exception>
    public async Task EndSessionsAsync(Actor actor, string name, CancellationToken cancellation)
    {
        var (user, revision) = await FindAsync(name, cancellation);
        if (user.Name != actor.Principal.Name) await CheckRolesAsync(actor, user.Roles, mustExist: false, cancellation);
        await WriteAsync(actor, "sessions_ended", name, "");
        await PutAsync(actor, user with { Generation = user.Generation + 1 }, revision, cancellation);
    }

    /// <exception cref="ApiProblem">403, 404 or 409.</exception>
    public async Task DeleteAsync(Actor actor, string name, CancellationToken cancellation)
    {
        var (user, revision) = await FindAsync(name, cancellation);
        CheckOther(actor, user);
        await CheckRolesAsync(actor, user.Roles, mustExist: false, cancellation);
        await WriteAsync(actor, "user_deleted", name, "");
        if (!await accounts.DeleteUserAsync(name, RevisionCondition.MustBe(revision), actor.Principal.Name, cancellation)) throw Changed(name);
        sessions.ForgetAll();
        if (name == FirstAdministrator.Name) first.Forget();
    }

    private async Task PutPasswordAsync(Actor actor, UserAccount user, long revision, string password, CancellationToken cancellation)
    {
        var hash = await HashAsync(user.Name, password, cancellation);
        await WriteAsync(actor, "password_changed", user.Name, "");
        await PutAsync(actor, user with { PasswordHash = hash, Generation = user.Generation + 1 }, revision, cancellation);
        if (user.Name == FirstAdministrator.Name) first.Forget();
    }

    private async Task PutAsync(Actor actor, UserAccount user, long revision, CancellationToken cancellation)
    {
        if (!await accounts.PutUserAsync(user, RevisionCondition.MustBe(revision), actor.Principal.Name, cancellation)) throw Changed(user.Name);
        sessions.ForgetAll();
    }

    private async Task<(UserAccount User, long Revision)> FindAsync(string name, CancellationToken cancellation)
    {
        var stored = UserAccount.IsName(name) ? await accounts.UserAsync(name, cancellation) : null;
        return stored is { Value: { } user } ? (user, stored.Revision) : throw ApiProblem.NotFound("there is no such user");
    }

    private async Task<string> HashAsync(string name, string password, CancellationToken cancellation)
    {
        if (password.Length < settings.PasswordCharsMin || password.Length > PasswordWork.PasswordCharsMax)
            throw ApiProblem.Invalid($"a password is {settings.PasswordCharsMin} to {PasswordWork.PasswordCharsMax} characters");
        if (UserAccount.Normalize(password) == name) throw ApiProblem.Invalid("a password is not the username");
        return await passwords.HashAsync(password, cancellation);
    }

    /// <param name="mustExist">Of roles that are given; those of a user may be gone.</param>
    private async Task CheckRolesAsync(Actor actor, ImmutableArray<string> roles, bool mustExist, CancellationToken cancellation)
    {
        if (roles.Length > UserAccount.RoleCountMax) throw ApiProblem.Invalid($"a user has at most {UserAccount.RoleCountMax} roles");
        if (mustExist)
        {
            foreach (var role in roles) await CheckRoleAsync(role, cancellation);
        }

        foreach (var permission in await accounts.PermissionsAsync(roles, cancellation))
        {
            if (!actor.Principal.Has(permission)) throw new ApiProblem(403, "forbidden", $"these roles allow {permission}, which is more than you may do");
        }
    }

    private async Task CheckRoleAsync(string role, CancellationToken cancellation)
    {
        var exists = BuiltInRoles.All.ContainsKey(role)
            || (RoleAccount.IsName(role) && (await accounts.RoleAsync(role, cancellation))?.Value is not null);
        if (!exists) throw ApiProblem.Invalid("there is no such role");
    }

    private Task WriteAsync(Actor actor, string kind, string target, string detail) =>
        audit.WriteAsync(new AuditEvent(kind, actor.Principal.Name, target, actor.Client, detail));

    private static void CheckOther(Actor actor, UserAccount user)
    {
        if (user.Name == actor.Principal.Name)
            throw new ApiProblem(403, "own_account", "nobody changes one's own roles, or disables or deletes oneself");
    }

    private static void CheckEmail(string email)
    {
        if (email.Length > UserAccount.EmailCharsMax || email.Any(char.IsControl))
            throw ApiProblem.Invalid($"an email address is at most {UserAccount.EmailCharsMax} characters");
    }

    private static ApiProblem Changed(string name) => new(409, "conflict", $"{name} was changed at the same time", isRetryable: true);
}
