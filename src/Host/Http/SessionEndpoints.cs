using EntityActors.Host.Http.OpenApi;
using EntityActors.Host.Security;

namespace EntityActors.Host.Http;

/// <summary>Logging in and out, and what a user may know and change of itself.</summary>
internal static class SessionEndpoints
{
    /// <summary>Of a login: a password takes a few hundred bytes.</summary>
    public const int BodyBytesMax = 16 * 1024;

    public static void Map(IEndpointRouteBuilder routes)
    {
        routes.MapPost("/v1/sessions", LoginAsync).IsOpen().WithMetadata(LoginRate.Instance)
            .Named("login", "Sessions", "Begins a session.").TakesBody<LoginBody>(AccountExamples.Login)
            .Problems(401, "bad_credentials").Problems(429, "locked_out").Answers<SessionShape>(200, "The session.", AccountExamples.Session);
        routes.MapPost("/v1/sessions/refresh", RefreshAsync).RequiresSession()
            .Named("refreshSession", "Sessions", "A new token; the old one ends.")
            .Problems(400, "no_session").Problems(401, "session_too_old").Answers<SessionShape>(200, "The session.", AccountExamples.Session);
        routes.MapDelete("/v1/sessions", LogoutAsync).RequiresSession()
            .Named("logout", "Sessions", "Ends this session, or all of a user.")
            .Takes("all", ParameterKind.Flag, "Whether all sessions of the user end.", "true")
            .Takes("user", ParameterKind.Text, "Another user, whose sessions all end.", "ann")
            .Problems(400, "no_session").Problems(404, "not_found").Problems(409, "conflict").AnswersEmpty(204, "They are over.");
        routes.MapMethods("/v1/me", RequestReader.Reads, (Delegate)MeAsync).RequiresSession()
            .Named("getMe", "Sessions", "Who the session is of, and what it may do.").Answers<MeShape>(200, "The user.", AccountExamples.Me);
        routes.MapPut("/v1/me/password", PasswordAsync).RequiresSession()
            .Named("changePassword", "Sessions", "Another password for oneself; all sessions end.").TakesBody<OwnPasswordBody>(AccountExamples.OwnPassword)
            .Problems(403, "bad_credentials").Problems(404, "not_found").Problems(409, "conflict").Problems(429, "locked_out")
            .AnswersEmpty(204, "Changed.");
    }

    private static async Task LoginAsync(HttpContext context, LoginService logins)
    {
        _ = RequestReader.Query(context);
        using var body = await RequestReader.SmallObjectAsync(context, BodyBytesMax, "username", "password");
        var (username, password) = (AccountShapes.Text(body.RootElement, "username"), AccountShapes.Text(body.RootElement, "password"));
        if (password.Length > PasswordWork.PasswordCharsMax) throw ApiProblem.Invalid($"a password is at most {PasswordWork.PasswordCharsMax} characters");
        await AnswerAsync(context, await logins.LoginAsync(username, password, ClientAddress.Of(context), context.RequestAborted));
    }

    private static async Task RefreshAsync(HttpContext context, LoginService logins)
    {
        _ = RequestReader.Query(context);
        RequestReader.NoBody(context);
        await AnswerAsync(context, await logins.RefreshAsync(context.Principal(), context.RequestAborted));
    }

    private static async Task LogoutAsync(HttpContext context, LoginService logins, UserService users)
    {
        var query = RequestReader.Query(context, "all", "user");
        RequestReader.NoBody(context);
        var own = context.Principal().Name;
        if (RequestReader.Single(query, "user") is { } user)
        {
            if (user != own) context.Demand("user", "manage");
            await users.EndSessionsAsync(Actor.Of(context), user, context.RequestAborted);
        }
        else if (RequestReader.Flag(query, "all"))
        {
            await users.EndSessionsAsync(Actor.Of(context), own, context.RequestAborted);
        }
        else
        {
            await logins.LogoutAsync(context.Principal(), ClientAddress.Of(context), context.RequestAborted);
        }

        context.Response.StatusCode = StatusCodes.Status204NoContent;
    }

    private static Task MeAsync(HttpContext context)
    {
        _ = RequestReader.Query(context);
        return JsonShapes.WriteAsync(context, StatusCodes.Status200OK, json => AccountShapes.Me(json, context.Principal()));
    }

    private static async Task PasswordAsync(HttpContext context, UserService users)
    {
        _ = RequestReader.Query(context);
        using var body = await RequestReader.SmallObjectAsync(context, BodyBytesMax, "old", "new");
        await users.ChangePasswordAsync(Actor.Of(context), AccountShapes.Text(body.RootElement, "old"), AccountShapes.Text(body.RootElement, "new"),
            context.RequestAborted);
        context.Response.StatusCode = StatusCodes.Status204NoContent;
    }

    private static Task AnswerAsync(HttpContext context, Login login)
    {
        // Nobody on the way keeps a copy of a token.
        context.Response.Headers.CacheControl = "no-store";
        return JsonShapes.WriteAsync(context, StatusCodes.Status200OK, json => AccountShapes.Login(json, login));
    }
}
