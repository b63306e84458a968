using EntityActors.Host.Http;

namespace EntityActors.Host.Security;

/// <summary>What endpoints ask about whom they serve.</summary>
internal static class HttpContextSecurity
{
    /// <summary>Set for every request before its route runs; <see cref="Principal.Anyone"/> on open routes and while authentication is off.</summary>
    public static Principal Principal(this HttpContext context) => context.Features.Get<Principal>() ?? Security.Principal.Anyone;

    /// <summary>Name that a command carries into the history; "" while authentication is off.</summary>
    public static string Author(this HttpContext context) => context.Principal().Name;

    /// <summary>For what a route learns only from its query or body, beyond what it states where it is mapped.</summary>
    /// <param name="dataset">"" for what belongs to no dataset.</param>
    /// <exception cref="ApiProblem">403: not allowed.</exception>
    public static void Demand(this HttpContext context, string resource, string action, string dataset = "")
    {
        var permission = new Permission(resource, action, dataset);
        if (!context.Principal().Has(permission)) throw Forbidden(permission);
    }

    /// <summary>The whole body is there: a request that changes accounts is not broken off any more, since it may end its own session.</summary>
    public static void BodyIsRead(this HttpContext context) => context.Features.Get<WatchedBody>()?.Registration.Dispose();

    internal static ApiProblem Forbidden(Permission permission) => new(403, "forbidden", $"this needs the permission {permission}");
}

/// <summary>A request that is broken off with its session until its body is read.</summary>
internal sealed record WatchedBody(IDisposable Registration);
