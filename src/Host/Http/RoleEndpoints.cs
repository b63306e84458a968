using EntityActors.Host.Http.OpenApi;
using EntityActors.Host.Security;

namespace EntityActors.Host.Http;

/// <summary>Roles, for those who may manage them.</summary>
internal static class RoleEndpoints
{
    private const string Route = "/v1/roles/{name}";
    private const string Read = "role:read";
    private const string Manage = "role:manage";
    private const int BodyBytesMax = 64 * 1024;
    private const int LimitDefault = 100;
    private const int LimitMax = 1_000;

    public static void Map(IEndpointRouteBuilder routes)
    {
        routes.MapMethods("/v1/roles", RequestReader.Reads, ListAsync).Requires(Read).Named("listRoles", "Roles", "All roles, by name.")
            .Takes("limit", ParameterKind.Number, $"1 to {LimitMax}; {LimitDefault} when absent.", "20")
            .Takes("cursor", ParameterKind.Text, "Of the page before.").Answers<RolePageShape>(200, "A page.", AccountExamples.Roles);
        routes.MapMethods(Route, RequestReader.Reads, GetAsync).Requires(Read).Named("getRole", "Roles", "One role.")
            .Problems(404, "not_found").Answers<RoleShape>(200, "The role.", AccountExamples.Role);
        routes.MapPut(Route, PutAsync).RequiresForAccounts(Manage).Named("putRole", "Roles", "Makes a role, or sets all of its permissions.")
            .TakesBody<RoleBody>(AccountExamples.NewRole).Problems(403, "built_in_role").Problems(409, "conflict")
            .Answers<RoleShape>(201, "A new one.", AccountExamples.Role).Answers<RoleShape>(200, "Changed.", AccountExamples.Role);
        routes.MapDelete(Route, DeleteAsync).RequiresForAccounts(Manage).Named("deleteRole", "Roles", "Deletes a role; users that have it lose what it allows.")
            .Problems(403, "built_in_role").Problems(404, "not_found").Problems(409, "conflict").AnswersEmpty(204, "Deleted.");
    }

    private static async Task ListAsync(HttpContext context, RoleService roles)
    {
        var query = RequestReader.Query(context, "limit", "cursor");
        var (items, cursor) = await roles.ListAsync(RequestReader.Limit(query, LimitDefault, LimitMax), RequestReader.Single(query, "cursor"),
            context.RequestAborted);
        await JsonShapes.WriteAsync(context, StatusCodes.Status200OK, json => AccountShapes.Page(json, items, AccountShapes.Role, cursor));
    }

    private static async Task GetAsync(HttpContext context, RoleService roles, string name)
    {
        _ = RequestReader.Query(context);
        var role = await roles.GetAsync(name, context.RequestAborted);
        await JsonShapes.WriteAsync(context, StatusCodes.Status200OK, json => AccountShapes.Role(json, role));
    }

    private static async Task PutAsync(HttpContext context, RoleService roles, string name)
    {
        _ = RequestReader.Query(context);
        using var body = await RequestReader.SmallObjectAsync(context, BodyBytesMax, "permissions");
        var permissions = AccountShapes.Texts(body.RootElement, "permissions") ?? throw ApiProblem.Invalid("permissions is missing");
        var isNew = await roles.PutAsync(Actor.Of(context), name, permissions, context.RequestAborted);
        await JsonShapes.WriteAsync(context, isNew ? StatusCodes.Status201Created : StatusCodes.Status200OK,
            json => AccountShapes.Role(json, new RoleAccount(name, permissions)));
    }

    private static async Task DeleteAsync(HttpContext context, RoleService roles, string name)
    {
        _ = RequestReader.Query(context);
        RequestReader.NoBody(context);
        await roles.DeleteAsync(Actor.Of(context), name, context.RequestAborted);
        context.Response.StatusCode = StatusCodes.Status204NoContent;
    }
}
