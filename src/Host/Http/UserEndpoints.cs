using EntityActors.Host.Http.OpenApi;
using EntityActors.Host.Security;

namespace EntityActors.Host.Http;

/// <summary>Users, for those who may manage them.</summary>
internal static class UserEndpoints
{
    private const string Route = "/v1/users/{name}";
    private const string Read = "user:read";
    private const string Manage = "user:manage";
    private const int LimitDefault = 100;
    private const int LimitMax = 1_000;

    public static void Map(IEndpointRouteBuilder routes)
    {
        routes.MapMethods("/v1/users", RequestReader.Reads, ListAsync).Requires(Read).Named("listUsers", "Users", "All users, by name.")
            .Takes("limit", ParameterKind.Number, $"1 to {LimitMax}; {LimitDefault} when absent.", "20")
            .Takes("cursor", ParameterKind.Text, "Of the page before.").Answers<UserPageShape>(200, "A page.", AccountExamples.Users);
        routes.MapPost("/v1/users", CreateAsync).RequiresForAccounts(Manage).Named("createUser", "Users", "Makes a user.")
            .TakesBody<NewUserBody>(AccountExamples.NewUser).Problems(409, "user_exists").Answers<UserShape>(201, "The user.", AccountExamples.User);
        routes.MapMethods(Route, RequestReader.Reads, GetAsync).Requires(Read).Named("getUser", "Users", "One user.")
            .Problems(404, "not_found").Answers<UserShape>(200, "The user.", AccountExamples.User);
        routes.MapPatch(Route, UpdateAsync).RequiresForAccounts(Manage).Named("changeUser", "Users", "Changes roles, email, or whether a user may log in.")
            .TakesBody<UserBody>(AccountExamples.UserChange).Problems(403, "own_account").Problems(404, "not_found").Problems(409, "conflict")
            .Answers<UserShape>(200, "The user.", AccountExamples.User);
        routes.MapPut(Route + "/password", PasswordAsync).RequiresForAccounts(Manage)
            .Named("setPassword", "Users", "Another password for a user, whose sessions end.").TakesBody<PasswordBody>(AccountExamples.Password)
            .Problems(404, "not_found").Problems(409, "conflict").AnswersEmpty(204, "Changed.");
        routes.MapDelete(Route, DeleteAsync).RequiresForAccounts(Manage).Named("deleteUser", "Users", "Deletes a user, whose sessions end.")
            .Problems(403, "own_account").Problems(404, "not_found").Problems(409, "conflict").AnswersEmpty(204, "Deleted.");
    }

    private static async Task ListAsync(HttpContext context, UserService users)
    {
        var query = RequestReader.Query(context, "limit", "cursor");
        var (items, cursor) = await users.ListAsync(RequestReader.Limit(query, LimitDefault, LimitMax), RequestReader.Single(query, "cursor"),
            context.RequestAborted);
        await JsonShapes.WriteAsync(context, StatusCodes.Status200OK, json => AccountShapes.Page(json, items, AccountShapes.User, cursor));
    }

    private static async Task CreateAsync(HttpContext context, UserService users)
    {
        _ = RequestReader.Query(context);
        using var body = await RequestReader.SmallObjectAsync(context, SessionEndpoints.BodyBytesMax, "username", "email", "roles", "password");
        var root = body.RootElement;
        var user = await users.CreateAsync(Actor.Of(context), AccountShapes.Text(root, "username"), AccountShapes.OptionalText(root, "email") ?? "",
            AccountShapes.Texts(root, "roles") ?? [], AccountShapes.Text(root, "password"), context.RequestAborted);
        await JsonShapes.WriteAsync(context, StatusCodes.Status201Created, json => AccountShapes.User(json, user));
    }

    private static async Task GetAsync(HttpContext context, UserService users, string name)
    {
        _ = RequestReader.Query(context);
        var user = await users.GetAsync(name, context.RequestAborted);
        await JsonShapes.WriteAsync(context, StatusCodes.Status200OK, json => AccountShapes.User(json, user));
    }

    private static async Task UpdateAsync(HttpContext context, UserService users, string name)
    {
        _ = RequestReader.Query(context);
        using var body = await RequestReader.SmallObjectAsync(context, SessionEndpoints.BodyBytesMax, "email", "roles", "disabled");
        var root = body.RootElement;
        var change = new UserChange(AccountShapes.OptionalText(root, "email"), AccountShapes.Texts(root, "roles"), AccountShapes.Flag(root, "disabled"));
        var user = await users.UpdateAsync(Actor.Of(context), name, change, context.RequestAborted);
        await JsonShapes.WriteAsync(context, StatusCodes.Status200OK, json => AccountShapes.User(json, user));
    }

    private static async Task PasswordAsync(HttpContext context, UserService users, string name)
    {
        _ = RequestReader.Query(context);
        using var body = await RequestReader.SmallObjectAsync(context, SessionEndpoints.BodyBytesMax, "password");
        await users.SetPasswordAsync(Actor.Of(context), name, AccountShapes.Text(body.RootElement, "password"), context.RequestAborted);
        context.Response.StatusCode = StatusCodes.Status204NoContent;
    }

    private static async Task DeleteAsync(HttpContext context, UserService users, string name)
    {
        _ = RequestReader.Query(context);
        RequestReader.NoBody(context);
        await users.DeleteAsync(Actor.Of(context), name, context.RequestAborted);
        context.Response.StatusCode = StatusCodes.Status204NoContent;
    }
}
