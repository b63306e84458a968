using EntityActors.Host.Http;
using EntityActors.Host.Security.Audit;
using EntityActors.Storage.Model;

namespace EntityActors.Host.Security;

/// <summary>Lets a request through to its route when its session allows what the route states; everything else is refused.</summary>
/// <remarks>
/// Stands between routing and the routes. Deny by default: a path without a route needs a session before it is said to be none, and a route that
/// states nothing is refused.
/// </remarks>
internal sealed class AccessMiddleware(
    RequestDelegate next, SecuritySettings settings, SessionCache sessions, RunningRequests running, AuditLog audit)
{
    private const string Scheme = "Bearer ";

    public async Task InvokeAsync(HttpContext context)
    {
        var route = context.GetEndpoint() as RouteEndpoint;
        var access = route?.Metadata.GetMetadata<RouteAccess>();
        if (!settings.IsEnabled || access is { IsOpen: true })
        {
            _ = DatasetOf(context, route);
            await next(context);
            return;
        }

        var (principal, confirmedAt) = await PrincipalAsync(context);
        try
        {
            if (route is not null) Check(access, DatasetOf(context, route), principal);
            context.Features.Set(principal);
            using var registration = Watch(context, access, principal, confirmedAt);
            await next(context);
            // Who was not let go on is not answered as if it had been.
            if (registration?.Broken is not null) throw new OperationCanceledException(context.RequestAborted);
        }
        catch (ApiProblem problem) when (problem.Status == StatusCodes.Status403Forbidden && problem.Code != "bad_credentials")
        {
            // A route's own denials are among them; a wrong password is noted where it is checked.
            audit.Note(new AuditEvent("denied", principal.Name, TargetOf(context), ClientAddress.Of(context), problem.Message));
            throw;
        }
    }

    /// <summary>Has the request broken off when its session ends.</summary>
    private RunningRequest? Watch(HttpContext context, RouteAccess? access, Principal principal, long confirmedAt)
    {
        // What ends sessions may end its own before it has answered. It is short, but for a body that somebody sends slowly.
        if (access is not { MayEndSessions: true }) return running.Add(context, principal, confirmedAt);
        if (access.Permissions.IsEmpty) return null;
        var registration = running.Add(context, principal, confirmedAt);
        context.Features.Set(new WatchedBody(registration));
        return registration;
    }

    private async Task<(Principal Principal, long ConfirmedAt)> PrincipalAsync(HttpContext context)
    {
        var id = context.Request.Headers.Authorization is [{ } header] && header.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase)
            ? SessionToken.IdOf(header[Scheme.Length..].Trim())
            : null;
        if (id is null) throw Unauthenticated(context, hasToken: context.Request.Headers.Authorization.Count > 0);
        var (principal, askedAt) = await FindAsync(id, context.RequestAborted);
        return (principal ?? throw Unauthenticated(context, hasToken: true), askedAt);
    }

    private async Task<SessionAnswer> FindAsync(string id, CancellationToken cancellation)
    {
        try
        {
            return await sessions.FindAsync(id, cancellation);
        }
        catch (Exception cause) when (cause is StoreException or TimeoutException)
        {
            throw new ApiProblem(503, "unavailable", "it cannot be told now whether the session is valid", isRetryable: true)
            {
                RetryAfter = TimeSpan.FromSeconds(1),
            };
        }
    }

    private static void Check(RouteAccess? access, string dataset, Principal principal)
    {
        if (access is null) throw new ApiProblem(403, "forbidden", "this route states no permission");
        foreach (var permission in access.Permissions)
        {
            var needed = permission with { Dataset = dataset };
            if (!principal.Has(needed)) throw HttpContextSecurity.Forbidden(needed);
        }
    }

    /// <summary>The dataset that the path names, or ""; a reserved one is refused here for every route there is.</summary>
    private static string DatasetOf(HttpContext context, RouteEndpoint? route) =>
        route?.RoutePattern.GetParameter("ds") is null ? "" : RequestReader.Dataset(context);

    private ApiProblem Unauthenticated(HttpContext context, bool hasToken)
    {
        // Without a token it is a program that has yet to log in; with one it is somebody who had a session, or guesses.
        if (hasToken) audit.Note(new AuditEvent("denied", "", TargetOf(context), ClientAddress.Of(context), "no such session"));
        return new ApiProblem(401, "unauthenticated", hasToken ? "there is no such session" : "this needs Authorization: Bearer and a token");
    }

    private static string TargetOf(HttpContext context) => $"{context.Request.Method} {context.Request.Path}";
}
