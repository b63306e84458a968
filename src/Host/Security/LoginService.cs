using EntityActors.Host.Http;
using EntityActors.Host.Security.Audit;
using EntityActors.Storage.Model;

namespace EntityActors.Host.Security;

/// <summary>A session that has just begun. The token is nowhere else: only its hash is stored.</summary>
internal sealed record Login(string Token, DateTimeOffset ExpiresAt, UserAccount User)
{
    // Records print their members.
    public override string ToString() => $"session of {User}";
}

/// <summary>Begins, prolongs and ends sessions. Thread-safe; fails as the store does.</summary>
internal sealed class LoginService(
    AccountStore accounts, PasswordWork passwords, LoginGuard guard, SessionCache sessions, AuditLog audit, SecuritySettings settings, TimeProvider time)
{
    /// <param name="client">Address of who asks, for the audit log.</param>
    /// <exception cref="ApiProblem">401: name or password are wrong, or the user is disabled, which the answer does not tell apart;
    /// 429: too many failures, or too many logins at once.</exception>
    public async Task<Login> LoginAsync(string username, string password, string client, CancellationToken cancellation)
    {
        var name = UserAccount.Normalize(username.Length <= UserAccount.NameCharsMax ? username : username[..UserAccount.NameCharsMax]);
        ThrowIfClosed(name);
        // A name that nobody can have is looked up, too: every attempt does the same work.
        var user = (await accounts.UserAsync(UserAccount.IsName(name) ? name : "-", cancellation))?.Value;
        var isRight = await passwords.VerifyAsync(user?.PasswordHash, password, () => ThrowIfClosed(name), cancellation);
        if (!isRight || user is not { IsDisabled: false })
        {
            var isClosed = guard.Fail(name);
            // A name that nobody has is not kept: it may be a password in the wrong field.
            audit.Note(new AuditEvent(isClosed ? "locked_out" : "login_failed", user?.Name ?? "", "", client));
            throw new ApiProblem(401, "bad_credentials", "name or password are wrong");
        }

        guard.Succeed(name);
        await audit.WriteAsync(new AuditEvent("login", user.Name, "", client));
        return await BeginAsync(user, loginAt: time.GetUtcNow(), cancellation);
    }

    /// <summary>A new token for the session of a request; the old one ends.</summary>
    /// <exception cref="ApiProblem">401: the session is over, or too old to go on without the password.</exception>
    public async Task<Login> RefreshAsync(Principal principal, CancellationToken cancellation)
    {
        var session = (await accounts.SessionAsync(IdOf(principal), cancellation))?.Value ?? throw NoSession();
        var user = (await accounts.UserAsync(session.User, cancellation))?.Value ?? throw NoSession();
        if (user.IsDisabled || user.Generation != session.Generation) throw NoSession();
        if (time.GetUtcNow() >= session.LoginAt + settings.SessionLifetimeMax)
            throw new ApiProblem(401, "session_too_old", "the password was given too long ago: log in again");
        var login = await BeginAsync(user, session.LoginAt, cancellation);
        if (await EndAsync(principal, cancellation)) return login;
        // It was ended, or refreshed, at the same time: one token does not become two sessions.
        await accounts.DeleteSessionAsync(SessionToken.IdOf(login.Token)!, principal.Name, cancellation);
        throw NoSession();
    }

    public async Task LogoutAsync(Principal principal, string client, CancellationToken cancellation)
    {
        await EndAsync(principal, cancellation);
        await audit.WriteAsync(new AuditEvent("logout", principal.Name, "", client));
    }

    /// <summary>Whether this is the user's password; wrong ones count as failed logins.</summary>
    /// <exception cref="ApiProblem">429: too many failures, or too many passwords at once.</exception>
    public async Task<bool> IsPasswordAsync(UserAccount user, string password, CancellationToken cancellation)
    {
        ThrowIfClosed(user.Name);
        var isRight = await passwords.VerifyAsync(user.PasswordHash, password, () => ThrowIfClosed(user.Name), cancellation);
        if (!isRight) guard.Fail(user.Name);
        return isRight;
    }

    private async Task<Login> BeginAsync(UserAccount user, DateTimeOffset loginAt, CancellationToken cancellation)
    {
        var token = SessionToken.New();
        var now = time.GetUtcNow();
        var last = loginAt + settings.SessionLifetimeMax;
        var expiresAt = now + settings.SessionTtl < last ? now + settings.SessionTtl : last;
        var session = new SessionAccount(user.Name, user.Generation, loginAt, now, expiresAt);
        if (!await accounts.PutSessionAsync(SessionToken.IdOf(token)!, session, cancellation))
            throw new InvariantViolationException("two tokens are the same");
        return new Login(token, expiresAt, user);
    }

    /// <returns>False when it was over already.</returns>
    private async Task<bool> EndAsync(Principal principal, CancellationToken cancellation)
    {
        var wasGood = await accounts.DeleteSessionAsync(IdOf(principal), principal.Name, cancellation);
        sessions.Forget(IdOf(principal));
        return wasGood;
    }

    private void ThrowIfClosed(string name)
    {
        if (guard.ClosedFor(name) is not { } left) return;
        throw new ApiProblem(429, "locked_out", "too many failed logins with this name", isRetryable: true) { RetryAfter = left };
    }

    private static string IdOf(Principal principal) => principal.SessionId ?? throw new ApiProblem(400, "no_session", "authentication is off");

    private static ApiProblem NoSession() => new(401, "unauthenticated", "the session is over");
}
