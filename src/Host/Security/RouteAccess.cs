using System.Collections.Immutable;

namespace EntityActors.Host.Security;

/// <summary>What a route needs; stated where it is mapped. A route that states nothing is refused while authentication is on.</summary>
/// <param name="IsOpen">Whether it needs no session.</param>
/// <param name="Permissions">All of them are needed, in the dataset that the path names if it names one. None: any session will do.</param>
internal sealed record RouteAccess(bool IsOpen, ImmutableArray<Permission> Permissions)
{
    /// <summary>Whether the request may end the session that it was sent with, and is to be answered all the same.</summary>
    public bool MayEndSessions { get; init; }
}

/// <summary>For the lines that map routes.</summary>
internal static class RouteAccessExtensions
{
    /// <param name="permissions">Each as <c>resource:action</c>.</param>
    public static TBuilder Requires<TBuilder>(this TBuilder route, params string[] permissions)
        where TBuilder : IEndpointConventionBuilder =>
        route.WithMetadata(new RouteAccess(IsOpen: false, [.. permissions.Select(Permission.Parse)]));

    /// <summary>For routes that change accounts, its own too.</summary>
    /// <param name="permission">As <c>resource:action</c>.</param>
    public static TBuilder RequiresForAccounts<TBuilder>(this TBuilder route, string permission)
        where TBuilder : IEndpointConventionBuilder =>
        route.WithMetadata(new RouteAccess(IsOpen: false, [Permission.Parse(permission)]) { MayEndSessions = true });

    /// <summary>Every user may, for itself.</summary>
    public static TBuilder RequiresSession<TBuilder>(this TBuilder route)
        where TBuilder : IEndpointConventionBuilder => route.WithMetadata(new RouteAccess(IsOpen: false, []) { MayEndSessions = true });

    /// <summary>Everybody may, without a session.</summary>
    public static TBuilder IsOpen<TBuilder>(this TBuilder route)
        where TBuilder : IEndpointConventionBuilder => route.WithMetadata(new RouteAccess(IsOpen: true, []));
}
