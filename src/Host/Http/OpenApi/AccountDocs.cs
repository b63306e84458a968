using System.ComponentModel;

namespace EntityActors.Host.Http.OpenApi;

internal sealed record LoginBody
{
    public required string Username { get; init; }

    public required string Password { get; init; }
}

internal sealed record OwnPasswordBody
{
    public required string Old { get; init; }

    [Description("8 to 256 characters.")]
    public required string New { get; init; }
}

internal sealed record PasswordBody
{
    public required string Password { get; init; }
}

internal sealed record NewUserBody
{
    public required string Username { get; init; }

    public string? Email { get; init; }

    [Description("Names of roles; none when absent.")]
    public string[]? Roles { get; init; }

    public required string Password { get; init; }
}

[Description("What is absent stays.")]
internal sealed record UserBody
{
    public string? Email { get; init; }

    public string[]? Roles { get; init; }

    public bool? Disabled { get; init; }
}

internal sealed record RoleBody
{
    [Description("resource:action or resource:action:dataset; * for any, and a dataset may be a beginning and *.")]
    public required string[] Permissions { get; init; }
}

internal sealed record UserShape
{
    public required string Username { get; init; }

    public required string Email { get; init; }

    public required string[] Roles { get; init; }

    public required bool Disabled { get; init; }

    public required string CreatedAt { get; init; }
}

internal sealed record UserPageShape
{
    public required UserShape[] Items { get; init; }

    public string? Cursor { get; init; }
}

internal sealed record SessionShape
{
    [Description("For Authorization: Bearer. It is told once.")]
    public required string Token { get; init; }

    public required string ExpiresAt { get; init; }

    public required UserShape User { get; init; }
}

internal sealed record MeShape
{
    public required string Username { get; init; }

    public required string[] Roles { get; init; }

    public required string[] Permissions { get; init; }
}

internal sealed record RoleShape
{
    public required string Name { get; init; }

    public required string[] Permissions { get; init; }

    public required bool BuiltIn { get; init; }
}

internal sealed record RolePageShape
{
    public required RoleShape[] Items { get; init; }

    public string? Cursor { get; init; }
}

internal sealed record AuditEntryShape
{
    public required long Sequence { get; init; }

    public required string At { get; init; }

    [Description("login, login_failed, locked_out, logout, denied, user_created, …")]
    public required string Kind { get; init; }

    [Description("Who did it.")]
    public required string User { get; init; }

    [Description("To what.")]
    public required string Target { get; init; }

    [Description("Address that it came from.")]
    public required string Client { get; init; }

    public required string Detail { get; init; }

    [Description("Entries of the same kind that were left out before this one.")]
    public required long Unlisted { get; init; }
}

internal sealed record AuditPageShape
{
    public required string Node { get; init; }

    [Description("Nodes that have an audit log.")]
    public required string[] Nodes { get; init; }

    public required AuditEntryShape[] Items { get; init; }

    public string? Cursor { get; init; }
}

/// <summary>Examples of these.</summary>
internal static class AccountExamples
{
    public const string Login = """{"username":"ann","password":"correct horse battery"}""";

    public const string OwnPassword = """{"old":"correct horse battery","new":"staple correct horse"}""";

    public const string Password = """{"password":"staple correct horse"}""";

    public const string NewUser = """{"username":"ann","email":"ann@example.org","roles":["writer"],"password":"correct horse battery"}""";

    public const string UserChange = """{"roles":["reader"],"disabled":false}""";

    public const string NewRole = """{"permissions":["entity:read:library","entity:write:library"]}""";

    public const string User =
        """{"username":"ann","email":"ann@example.org","roles":["writer"],"disabled":false,"createdAt":"2026-01-30T08:00:00.000000000Z"}""";

    public const string Users = $$"""{"items":[{{User}}]}""";

    public const string Session = $$"""{"token":"Zm9yIGV4YW1wbGUgb25seSwgbm90IGEgdG9rZW4","expiresAt":"2026-01-30T20:00:00.000000000Z","user":{{User}}}""";

    public const string Me = """{"username":"ann","roles":["writer"],"permissions":["entity:read","entity:write"]}""";

    public const string Role = """{"name":"librarian","permissions":["entity:read:library","entity:write:library"],"builtIn":false}""";

    public const string Roles = $$"""{"items":[{{Role}}]}""";

    public const string Audit =
        """
        {"node":"node-1","nodes":["node-1"],"items":[{"sequence":1,"at":"2026-01-30T08:00:00.000000000Z","kind":"login","user":"ann","target":"",
        "client":"127.0.0.1","detail":"","unlisted":0}],"cursor":"1"}
        """;
}
