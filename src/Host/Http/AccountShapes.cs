using System.Collections.Immutable;
using System.Text.Json;
using EntityActors.Host.Security;
using EntityActors.Host.Security.Audit;

namespace EntityActors.Host.Http;

/// <summary>JSON of users, roles and audit entries. What is secret has no member here.</summary>
internal static class AccountShapes
{
    public static void User(Utf8JsonWriter json, UserAccount user)
    {
        json.WriteStartObject();
        json.WriteString("username", user.Name);
        json.WriteString("email", user.Email);
        Texts(json, "roles", user.Roles);
        json.WriteBoolean("disabled", user.IsDisabled);
        json.WriteString("createdAt", Time(user.CreatedAt));
        json.WriteEndObject();
    }

    public static void Me(Utf8JsonWriter json, Principal principal)
    {
        json.WriteStartObject();
        json.WriteString("username", principal.Name);
        Texts(json, "roles", principal.Roles);
        Texts(json, "permissions", principal.Permissions.Select(permission => permission.ToString()).Distinct());
        json.WriteEndObject();
    }

    /// <summary>The only answer that holds a token.</summary>
    public static void Login(Utf8JsonWriter json, Login login)
    {
        json.WriteStartObject();
        json.WriteString("token", login.Token);
        json.WriteString("expiresAt", Time(login.ExpiresAt));
        json.WritePropertyName("user");
        User(json, login.User);
        json.WriteEndObject();
    }

    public static void Role(Utf8JsonWriter json, RoleAccount role)
    {
        json.WriteStartObject();
        json.WriteString("name", role.Name);
        Texts(json, "permissions", role.Permissions);
        json.WriteBoolean("builtIn", BuiltInRoles.All.ContainsKey(role.Name));
        json.WriteEndObject();
    }

    public static void Audit(Utf8JsonWriter json, AuditEntry entry)
    {
        json.WriteStartObject();
        json.WriteNumber("sequence", entry.Sequence);
        json.WriteString("at", Time(entry.At));
        json.WriteString("kind", entry.Kind);
        json.WriteString("user", entry.User);
        json.WriteString("target", entry.Target);
        json.WriteString("client", entry.Client);
        json.WriteString("detail", entry.Detail);
        json.WriteNumber("unlisted", entry.Unlisted);
        json.WriteEndObject();
    }

    public static void Page<T>(Utf8JsonWriter json, IEnumerable<T> items, Action<Utf8JsonWriter, T> write, string? cursor)
    {
        json.WriteStartObject();
        json.WriteStartArray("items");
        foreach (var item in items) write(json, item);
        json.WriteEndArray();
        if (cursor is not null) json.WriteString("cursor", cursor);
        json.WriteEndObject();
    }

    /// <summary>Nine fraction digits, like every time that is sent.</summary>
    private static string Time(DateTimeOffset time) => time.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.fffffff'00Z'");

    private static void Texts(Utf8JsonWriter json, string name, IEnumerable<string> texts)
    {
        json.WriteStartArray(name);
        foreach (var text in texts) json.WriteStringValue(text);
        json.WriteEndArray();
    }

    /// <exception cref="ApiProblem">400: it is missing or no text.</exception>
    public static string Text(JsonElement body, string member) =>
        body.TryGetProperty(member, out var value) ? RequestReader.Text(value, member) : throw ApiProblem.Invalid($"{member} is missing");

    public static string? OptionalText(JsonElement body, string member) =>
        body.TryGetProperty(member, out var value) ? RequestReader.Text(value, member) : null;

    /// <returns>Null when it is missing.</returns>
    public static ImmutableArray<string>? Texts(JsonElement body, string member)
    {
        if (!body.TryGetProperty(member, out var array)) return null;
        if (array.ValueKind != JsonValueKind.Array) throw ApiProblem.Invalid($"{member} is an array of texts");
        return [.. array.EnumerateArray().Select(item => RequestReader.Text(item, member)).Distinct()];
    }

    public static bool? Flag(JsonElement body, string member)
    {
        if (!body.TryGetProperty(member, out var value)) return null;
        return value.ValueKind is JsonValueKind.True or JsonValueKind.False ? value.GetBoolean() : throw ApiProblem.Invalid($"{member} is true or false");
    }
}
