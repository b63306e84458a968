namespace EntityActors.Host.Security;

/// <summary>A session with its user and the user's roles, as they are now.</summary>
internal sealed class SessionReader(AccountStore accounts, TimeProvider time) : ISessionReader
{
    public async Task<Principal?> ReadAsync(string sessionId, CancellationToken cancellation)
    {
        if ((await accounts.SessionAsync(sessionId, cancellation))?.Value is not { } session || session.ExpiresAt <= time.GetUtcNow()) return null;
        if ((await accounts.UserAsync(session.User, cancellation))?.Value is not { IsDisabled: false } user) return null;
        if (user.Generation != session.Generation) return null;
        return new Principal(user.Name, user.Roles, await accounts.PermissionsAsync(user.Roles, cancellation), sessionId, session.ExpiresAt);
    }
}
