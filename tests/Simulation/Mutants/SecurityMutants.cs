namespace EntityActors.Simulation.Tests.Mutants;

/// <summary>The protections of the HTTP interface, each taken out alone.</summary>
internal static class SecurityMutants
{
    private const string Access = "Security/AccessMiddleware.cs";
    private const string Reader = "Http/RequestReader.cs";
    private const string Logins = "Security/LoginService.cs";
    private const string Users = "Security/UserService.cs";
    private const string Roles = "Security/RoleService.cs";
    private const string Passwords = "Security/PasswordWork.cs";
    private const string Sessions = "Security/SessionCache.cs";
    private const string Running = "Security/RunningRequests.cs";
    private const string Rights = "Security/Permission.cs";
    private const string Limits = "Http/HttpLimits.cs";
    private const string Rates = "Http/ClientRates.cs";

    public static IReadOnlyList<Mutant> All { get; } =
        [.. Permissions(), .. Datasets(), .. LivingSessions(), .. Guessing(), .. Promotion(), .. Audit(), .. Secrets(), .. Bounds()];

    private static IEnumerable<Mutant> Permissions() =>
    [
        Of("a route's permission is needed", Access, "if (!principal.Has(needed)) throw", "if (principal.Name.Length == 0) throw", "RouteMatrixTests"),
        Of("a route that states no permission is refused", Access, "if (access is null) throw new ApiProblem(403, \"forbidden\", \"this route states no permission\");",
            "if (access is null) return;", "DenialTests"),
        Of("a permission for one dataset is none for those that begin like it", Rights, "if (Dataset == Any || Dataset == other) return true;",
            "if (Dataset == Any || other.StartsWith(Dataset, StringComparison.Ordinal)) return true;", "TenantTests"),
        Of("a star behind a beginning is for datasets that begin so", Rights, "return Dataset.EndsWith('*') && other.StartsWith(Dataset.AsSpan(0, Dataset.Length - 1), StringComparison.Ordinal);",
            "return Dataset.EndsWith('*');", "TenantTests"),
        Of("a transaction's deletes need the permission to delete", "Http/TransactionEndpoint.cs",
            "                context.Demand(\"entity\", \"delete\", dataset);\n                return new DeleteEntity",
            "                return new DeleteEntity", "TenantTests"),
        Of("a purge needs a permission of its own", "Http/LifecycleEndpoints.cs", "        if (isPurge) context.Demand(\"entity\", \"purge\", RequestReader.Dataset(context));\n", "",
            "TenantTests"),
        Of("a time of one's own needs a permission", "Http/EntityEndpoints.cs", "if (at is not null) context.Demand(\"entity\", \"backfill\", RequestReader.Dataset(context));", "",
            "AccountTests"),
    ];

    private static IEnumerable<Mutant> Datasets() =>
    [
        Of("the store's own datasets are refused", Reader, "EntityKey.IsReserved(dataset)\n        ?", "dataset.Length == 0\n        ?", "RouteMatrixTests"),
        Of("a path holds no dots that lead elsewhere", "Http/RequestTarget.cs", "if (segment.Length == 0 || Decode(segment) is \".\" or \"..\") throw", "if (segment.Length > 1_000_000) throw",
            "BadInputTests|RouteMatrixTests"),
        Of("EntityDB's routes write only where the user may", "EntityDb/EdbEntityEndpoints.cs", "        context.Demand(\"entity\", \"write\", before.Head.Key.Dataset);\n", "", "TenantTests"),
        Of("EntityDB's routes delete only where the user may", "EntityDb/EdbLifecycleEndpoints.cs", "        context.Demand(\"entity\", \"delete\", head.Key.Dataset);\n", "", "TenantTests"),
        Of("EntityDB's lists hold only what the user may read", "EntityDb/EdbStore.cs",
            "return [.. (await datasets.NamesAsync(context.RequestAborted)).Where(name => principal.May(\"entity\", \"read\", name))];",
            "return [.. (await datasets.NamesAsync(context.RequestAborted)).Where(name => principal is not null)];", "EntityDbTests"),
    ];

    private static IEnumerable<Mutant> LivingSessions() =>
    [
        Of("a session is over at its time", "Security/SessionReader.cs", " || session.ExpiresAt <= time.GetUtcNow()) return null;", ") return null;", "SessionLifeTests"),
        Of("a session begins with an end", Logins, "now + settings.SessionTtl < last ? now + settings.SessionTtl : last;", "DateTimeOffset.MaxValue;", "SessionLifeTests"),
        Of("refreshing prolongs no session beyond its longest time", Logins, "var last = loginAt + settings.SessionLifetimeMax;", "var last = now + settings.SessionLifetimeMax;",
            "SessionLifeTests"),
        Of("a logout ends the session", Logins, "var wasGood = await accounts.DeleteSessionAsync(IdOf(principal), principal.Name, cancellation);", "var wasGood = true;", "LoginTests"),
        Of("one token does not become two sessions", Logins, "if (await EndAsync(principal, cancellation)) return login;",
            "_ = await EndAsync(principal, cancellation);\n        if (login.Token.Length > 0) return login;", "SessionLifeTests"),
        Of("what another node revoked is asked for again", Sessions, "time.GetElapsedTime(question.AskedAt) < settings.SessionCache;", "question is not null;", "SessionCacheTests"),
        Of("who cannot ask lets nobody in", Sessions, "_answer.TrySetException(failure);", "_answer.TrySetResult(Principal.Anyone);", "SessionCacheTests"),
        Of("a request that goes on ends with its session", Running, "if (principal is null || !request.Allows(principal)) request.Break(Ended, time.GetTimestamp());\n            else request", "request", "RunningRequestTests"),
        Of("a request that goes on ends when its session cannot be confirmed", Running, "else if (time.GetElapsedTime(request.ConfirmedAt) >= settings.SessionUnconfirmedMax) request.Break(Unconfirmed, time.GetTimestamp());\n            else if",
            "else if", "RunningRequestTests"),
        Of("a request whose body is sent slowly ends with its session", Access, "if (access.Permissions.IsEmpty) return null;\n        var registration", "if (access is not null) return null;\n        var registration",
            "SlowBodyTests"),
        Of("another password ends the sessions", Users, "PasswordHash = hash, Generation = user.Generation + 1 }", "PasswordHash = hash }", "AccountTests"),
        Of("a disabled user's sessions do not come back", Users, "if (changed.IsDisabled && !user.IsDisabled) changed = changed with { Generation = user.Generation + 1 };\n", "\n", "AccountTests"),
        Of("a user made anew does not take over old sessions", "Security/FirstAdministrator.cs", "RandomNumberGenerator.GetInt32(int.MaxValue) + 1L;", "1L;", "AccountTests"),
    ];

    private static IEnumerable<Mutant> Guessing() =>
    [
        Of("an unknown name costs as much as a known one", Passwords, "        mayStart();\n", "        mayStart();\n        if (hash is null) return false;\n", "LoginTests"),
        Of("an unknown name gets the answer of a wrong password", Logins, "throw new ApiProblem(401, \"bad_credentials\", \"name or password are wrong\");",
            "throw new ApiProblem(401, \"bad_credentials\", user is null ? \"there is no such user\" : \"name or password are wrong\");", "LoginTests"),
        Of("a disabled user does not log in", Logins, "if (!isRight || user is not { IsDisabled: false })", "if (!isRight || user is null)", "LoginTests"),
        Of("too many failures close a name", "Security/LoginGuard.cs", "failures.Count >= settings.LockoutFailures && left", "failures.Count < 0 && left", "LoginTests"),
        Of("guesses that wait are refused when the name is closed meanwhile", Logins, "() => ThrowIfClosed(name), cancellation)", "() => { }, cancellation)", "GuessTests"),
        Of("few passwords wait at once", Passwords, "if (Interlocked.Increment(ref _waiting) > _waitingMax)", "if (Interlocked.Increment(ref _waiting) < 0)", "LoginTests"),
        Of("few logins of one address", Rates, " _logins.Take(client);", " return next(context);", "RateTests"),
    ];

    private static IEnumerable<Mutant> Promotion() =>
    [
        Of("nobody gives roles that allow more than is one's own", Users, "if (!actor.Principal.Has(permission)) throw", "if (actor.Principal.Name.Length == 0) throw", "AccountTests"),
        Of("nobody makes roles that allow more than is one's own", Roles, "if (!actor.Principal.Has(permission)) throw", "if (actor.Principal.Name.Length == 0) throw", "AccountTests"),
        Of("nobody changes one's own roles", Users, "if (user.Name == actor.Principal.Name)\n            throw", "if (user.Name.Length == 0)\n            throw", "AccountTests"),
        Of("built-in roles stay", Roles, "if (BuiltInRoles.All.ContainsKey(name)) throw", "if (name.Length == 0) throw", "AccountTests"),
        Of("another's sessions are ended only by who manages users", "Http/SessionEndpoints.cs", "            if (user != own) context.Demand(\"user\", \"manage\");\n", "", "LoginTests"),
    ];

    private static IEnumerable<Mutant> Audit() =>
    [
        Of("an entry holds the hash of the one before", "Security/Audit/AuditReader.cs",
            "                else if (!isFirst && entry.Previous != previous) findings.Add($\"{name}: entry {expected} does not follow the one before it\");\n", "", "AuditTests"),
        Of("denials are in the audit log", Access, "when (problem.Status == StatusCodes.Status403Forbidden && problem.Code != \"bad_credentials\")", "when (problem.Status < 0)", "DenialTests"),
        Of("tokens that are none are in the audit log", Access, "        if (hasToken) audit.Note(", "        if (!hasToken) audit.Note(", "DenialTests"),
        Of("logins are in the audit log before they are done", Logins, "        await audit.WriteAsync(new AuditEvent(\"login\", user.Name, \"\", client));\n", "", "DenialTests"),
        Of("what is done to users is in the audit log", Users, "        audit.WriteAsync(new AuditEvent(kind, actor.Principal.Name, target, actor.Client, detail));", "        Task.CompletedTask;", "DenialTests"),
    ];

    private static IEnumerable<Mutant> Secrets() =>
    [
        Of("only the hash of a token is stored", "Security/SessionToken.cs", "Convert.ToHexStringLower(SHA256.HashData(bytes))", "Convert.ToHexStringLower(bytes)", "SecretTests"),
        Of("the first password is for its owner alone", "Security/FirstAdministrator.cs", "UnixFileMode.UserRead | UnixFileMode.UserWrite,", "UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.OtherRead,", "SecretTests"),
        Of("the first password's file goes when it is changed", Users, "        if (user.Name == FirstAdministrator.Name) first.Forget();\n", "", "SecretTests"),
        Of("a name that nobody has is not in the audit log", Logins, "user?.Name ?? \"\", \"\", client", "name, \"\", client", "DenialTests"),
        Of("nobody on the way keeps a token", "Http/SessionEndpoints.cs", "        context.Response.Headers.CacheControl = \"no-store\";\n", "", "LoginTests"),
    ];

    private static IEnumerable<Mutant> Bounds() =>
    [
        Of("bodies of accounts are small", Reader, "        context.Features.GetRequiredFeature<IHttpMaxRequestBodySizeFeature>().MaxRequestBodySize = bytesMax;\n", "", "LoginTests"),
        Of("bodies of EntityDB's accounts are small", "EntityDb/EdbRequest.cs",
            "        _context.Features.GetRequiredFeature<IHttpMaxRequestBodySizeFeature>().MaxRequestBodySize = SessionEndpoints.BodyBytesMax;\n", "", "SessionLifeTests"),
        Of("headers are bounded", "Http/RequestGate.cs", "if (HeaderChars(request) > HeaderCharsMax) throw", "if (HeaderChars(request) < 0) throw", "BadInputTests"),
        Of("few requests of one address", Rates, "        _requests.Take(client);\n", "", "RateTests"),
        Of("connections are bounded", Limits, "        limits.MaxConcurrentConnections = ConnectionsMax;\n", "", "LimitTests"),
        Of("pages of other origins may not ask", "Http/StoreHosting.cs", "policy.WithOrigins([.. origins])", "policy.AllowAnyOrigin()", "LimitTests"),
        Of("without tokens pages of other sites are refused", "Http/RequestGate.cs", "if (!needsToken) CheckIsOwn(request);", "", "Http.ShardTests"),
        Of("without authentication HTTP stays on loopback", "Cli/ServeSecurity.cs", "if (!isEnabled) throw", "if (options.Data.Length == 0) throw", "TransportTests"),
        Of("off loopback HTTP is encrypted", "Cli/ServeSecurity.cs", "return options.Certificate is not null || limits.AllowsPlainTextOffLoopback\n", "return options.Data.Length > 0\n", "TransportTests"),
    ];

    private static Mutant Of(string name, string file, string before, string after, string filter) => new(name, file, before, after, MutantSuite.HostTests, filter);
}
