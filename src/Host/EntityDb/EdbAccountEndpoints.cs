using System.Text.Json;
using EntityActors.Host.Http;
using EntityActors.Host.Http.OpenApi;
using EntityActors.Host.Security;

namespace EntityActors.Host.EntityDb;

/// <summary>Sessions and users. A user's id is its name; the role <c>user</c> of EntityDB is <c>writer</c> here.</summary>
internal static class EdbAccountEndpoints
{
    private const string Auth = EdbEndpoints.Root + "/auth";
    private const string Users = EdbEndpoints.Root + "/users";
    private const string UserRole = "user";
    private const string WriterRole = "writer";

    public static void Map(IEndpointRouteBuilder routes)
    {
        routes.MapPost(Auth + "/login", LoginAsync).IsOpen().WithMetadata(LoginRate.Instance)
            .Named("edbLogin", EdbEndpoints.Topic, "Begins a session.").TakesBody<EdbLoginBody>(EdbExamples.Login)
            .Problems(401, "bad_credentials").Problems(429, "locked_out").Answers<EdbLoginShape>(200, "The session.", EdbExamples.LoggedIn);
        routes.MapPost(Auth + "/refresh", RefreshAsync).RequiresSession()
            .Named("edbRefresh", EdbEndpoints.Topic, "A new token; the old one ends.").Answers<EdbLoginShape>(200, "The session.", EdbExamples.LoggedIn);
        routes.MapPost(Auth + "/logout", LogoutAsync).RequiresSession()
            .Named("edbLogout", EdbEndpoints.Topic, "Ends the session.").Answers<EdbMessageShape>(200, "It is over.", EdbExamples.LoggedOut);
        routes.MapGet(Auth + "/whoami", WhoAmIAsync).InSession()
            .Named("edbWhoAmI", EdbEndpoints.Topic, "The user of the session.").Answers<EdbUserShape>(200, "The user.", EdbExamples.User);
        routes.MapPost(Users + "/create", CreateAsync).RequiresForAccounts("user:manage")
            .Named("edbCreateUser", EdbEndpoints.Topic, "Makes a user.").TakesBody<EdbUserBody>(EdbExamples.NewUser)
            .Problems(409, "user_exists").Answers<EdbEntityShape>(201, "The user as an entity, without credentials.", EdbExamples.UserEntity);
        routes.MapPost(Users + "/change-password", ChangePasswordAsync).RequiresSession()
            .Named("edbChangePassword", EdbEndpoints.Topic, "Another password for oneself; all sessions end.").TakesBody<EdbPasswordBody>(EdbExamples.Password)
            .Problems(409, "conflict").Problems(429, "locked_out").Answers<EdbMessageShape>(200, "Changed.", EdbExamples.PasswordChanged);
        routes.MapPost(Users + "/reset-password", ResetPasswordAsync).RequiresForAccounts("user:manage")
            .Named("edbResetPassword", EdbEndpoints.Topic, "Another password for a user, whose sessions end.").TakesBody<EdbResetBody>(EdbExamples.Reset)
            .Problems(404, "not_found").Problems(409, "conflict").Answers<EdbMessageShape>(200, "Changed.", EdbExamples.PasswordChanged);
    }

    private static async Task LoginAsync(HttpContext context, LoginService logins)
    {
        var body = await EdbRequest.Of(context).SmallBodyAsync();
        var (name, password) = (EdbRequest.Member(body, "username"), EdbRequest.Member(body, "password"));
        if (name is not { Length: > 0 } || password is not { Length: > 0 }) throw ApiProblem.Invalid("Username and password are required");
        if (password.Length > PasswordWork.PasswordCharsMax) throw ApiProblem.Invalid("Password is too long");
        await WriteAsync(context, await logins.LoginAsync(name, password, ClientAddress.Of(context), context.RequestAborted));
    }

    private static async Task RefreshAsync(HttpContext context, LoginService logins) =>
        await WriteAsync(context, await logins.RefreshAsync(context.Principal(), context.RequestAborted));

    private static async Task LogoutAsync(HttpContext context, LoginService logins)
    {
        await logins.LogoutAsync(context.Principal(), ClientAddress.Of(context), context.RequestAborted);
        await EdbEndpoints.WriteAsync(context, static json => Message(json, null, "Logged out successfully"));
    }

    private static async Task WhoAmIAsync(HttpContext context, UserService users)
    {
        var user = await users.GetAsync(context.Principal().Name, context.RequestAborted);
        await EdbEndpoints.WriteAsync(context, json => User(json, user));
    }

    private static async Task CreateAsync(HttpContext context, UserService users)
    {
        var body = await EdbRequest.Of(context).SmallBodyAsync();
        var name = EdbRequest.Member(body, "username") is { Length: > 0 } given ? given : throw ApiProblem.Invalid("Username is required");
        var password = EdbRequest.Member(body, "password") is { Length: > 0 } secret ? secret : throw ApiProblem.Invalid("Password is required");
        var email = EdbRequest.Member(body, "email") ?? "";
        var role = EdbRequest.Member(body, "role") is { Length: > 0 } named ? named : UserRole;
        var user = await users.CreateAsync(Actor.Of(context), name, email, [role == UserRole ? WriterRole : role], password, context.RequestAborted);
        await EdbEndpoints.WriteAsync(context, json => UserEntity(json, user), StatusCodes.Status201Created);
    }

    private static async Task ChangePasswordAsync(HttpContext context, UserService users)
    {
        var body = await EdbRequest.Of(context).SmallBodyAsync();
        var (old, password) = (EdbRequest.Member(body, "current_password"), EdbRequest.Member(body, "new_password"));
        if (old is not { Length: > 0 } || password is not { Length: > 0 }) throw ApiProblem.Invalid("Current and new passwords are required");
        if (EdbRequest.Member(body, "username") is { Length: > 0 } name && UserAccount.Normalize(name) != context.Principal().Name)
            throw new ApiProblem(403, "forbidden", "You can only change your own password");
        await users.ChangePasswordAsync(Actor.Of(context), old, password, context.RequestAborted);
        await EdbEndpoints.WriteAsync(context, static json => Message(json, "success", "Password changed successfully"));
    }

    private static async Task ResetPasswordAsync(HttpContext context, UserService users)
    {
        var body = await EdbRequest.Of(context).SmallBodyAsync();
        var name = EdbRequest.Member(body, "username") is { Length: > 0 } given ? given : EdbRequest.Member(body, "user_id");
        if (name is not { Length: > 0 }) throw ApiProblem.Invalid("Either user_id or username is required");
        var password = EdbRequest.Member(body, "password") is { Length: > 0 } secret ? secret : throw ApiProblem.Invalid("Password is required");
        await users.SetPasswordAsync(Actor.Of(context), UserAccount.Normalize(name), password, context.RequestAborted);
        await EdbEndpoints.WriteAsync(context, static json => Message(json, "success", "Password reset successfully"));
    }

    private static Task WriteAsync(HttpContext context, Login login)
    {
        context.Response.Headers.CacheControl = "no-store";
        return EdbEndpoints.WriteAsync(context, json =>
        {
            json.WriteStartObject();
            json.WriteString("token", login.Token);
            json.WriteString("expires_at", login.ExpiresAt.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", System.Globalization.CultureInfo.InvariantCulture));
            json.WriteString("user_id", login.User.Name);
            json.WritePropertyName("user");
            User(json, login.User);
            json.WriteEndObject();
        });
    }

    private static void User(Utf8JsonWriter json, UserAccount user)
    {
        json.WriteStartObject();
        json.WriteString("id", user.Name);
        json.WriteString("username", user.Name);
        json.WriteString("email", user.Email);
        json.WriteStartArray("roles");
        foreach (var role in user.Roles) json.WriteStringValue(role == WriterRole ? UserRole : role);
        json.WriteEndArray();
        json.WriteEndObject();
    }

    private static void UserEntity(Utf8JsonWriter json, UserAccount user)
    {
        var created = (user.CreatedAt - DateTimeOffset.UnixEpoch).Ticks * TimeSpan.NanosecondsPerTick;
        json.WriteStartObject();
        json.WriteString("id", user.Name);
        json.WriteStartArray("tags");
        json.WriteStringValue("type:user");
        json.WriteStringValue("identity:username:" + user.Name);
        json.WriteStringValue("name:" + user.Name);
        json.WriteStringValue(user.IsDisabled ? "status:inactive" : "status:active");
        if (user.Email.Length > 0) json.WriteStringValue("profile:email:" + user.Email);
        foreach (var role in user.Roles) json.WriteStringValue("rbac:role:" + (role == WriterRole ? UserRole : role));
        json.WriteEndArray();
        json.WriteNumber("created_at", created);
        json.WriteNumber("updated_at", created);
        json.WriteEndObject();
    }

    private static void Message(Utf8JsonWriter json, string? status, string message)
    {
        json.WriteStartObject();
        if (status is not null) json.WriteString("status", status);
        json.WriteString("message", message);
        json.WriteEndObject();
    }
}
