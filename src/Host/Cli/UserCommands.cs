using System.CommandLine;
using System.Text.Json;

namespace EntityActors.Host.Cli;

/// <summary><c>ea login</c> and <c>ea user</c>: sessions and users of a running store.</summary>
internal static class UserCommands
{
    private static readonly Argument<string> Name = new("name") { Description = "Name of the user" };

    private static readonly Option<string?> Email = new("--email") { Description = "Email address", HelpName = "address" };

    private static readonly Option<string[]> Role = new("--role")
    {
        Description = "A role; repeatable. For 'set' these are all roles that the user has then", HelpName = "name",
    };

    public static Command Login()
    {
        var command = With(new Command("login", "Begins a session and prints its token: export ENTITYACTORS_TOKEN=$(ea login --user NAME)"));
        command.SetAction(async (result, cancellation) =>
        {
            using var api = StoreApi.For(result);
            await Console.Out.WriteLineAsync(await api.LoginAsync(cancellation));
            return ExitCode.Ok;
        });
        return command;
    }

    public static Command Users()
    {
        var command = new Command("user", "Users of a running store");
        command.Subcommands.Add(List());
        command.Subcommands.Add(Change("add", "Makes a user; the password is the first line of standard input", HttpMethod.Post, _ => "/v1/users",
            result => new Dictionary<string, object?>
            {
                ["username"] = result.GetRequiredValue(Name), ["email"] = result.GetValue(Email), ["roles"] = result.GetValue(Role),
                ["password"] = NewPassword(),
            }, Email, Role));
        command.Subcommands.Add(Change("set", "Changes roles or email address", HttpMethod.Patch, Path,
            result => new Dictionary<string, object?>
            {
                ["email"] = result.GetValue(Email), ["roles"] = result.GetValue(Role) is { Length: > 0 } roles ? roles : null,
            }, Email, Role));
        command.Subcommands.Add(Change("disable", "Ends all sessions of a user, who cannot log in until enabled", HttpMethod.Patch, Path,
            _ => new Dictionary<string, object?> { ["disabled"] = true }));
        command.Subcommands.Add(Change("enable", "Lets a user log in again", HttpMethod.Patch, Path,
            _ => new Dictionary<string, object?> { ["disabled"] = false }));
        command.Subcommands.Add(Change("password", "Gives a user another password, the first line of standard input, and ends all its sessions",
            HttpMethod.Put, result => Path(result) + "/password", _ => new Dictionary<string, object?> { ["password"] = NewPassword() }));
        command.Subcommands.Add(Change("delete", "Deletes a user", HttpMethod.Delete, Path, _ => null));
        return command;
    }

    private static Command List()
    {
        var command = With(new Command("list", "All users"), StoreApi.JsonOption);
        command.SetAction(async (result, cancellation) =>
        {
            using var api = StoreApi.For(result);
            await foreach (var page in api.PagesAsync("/v1/users?limit=1000", null, all: true, cancellation))
            {
                using var json = api.Parse(page);
                foreach (var user in json.RootElement.GetProperty("items").EnumerateArray())
                    await Console.Out.WriteLineAsync(result.GetValue(StoreApi.JsonOption) ? user.GetRawText() : Line(user));
            }

            return ExitCode.Ok;
        });
        return command;
    }

    private static Command Change(string name, string description, HttpMethod method, Func<ParseResult, string> path,
        Func<ParseResult, Dictionary<string, object?>?> body, params Option[] options)
    {
        var command = With(new Command(name, description) { Name }, [.. options, StoreApi.JsonOption]);
        command.SetAction(async (result, cancellation) =>
        {
            using var api = StoreApi.For(result);
            var members = body(result)?.Where(member => member.Value is not null).ToDictionary();
            var sent = members is null ? null : new ApiBody(JsonSerializer.SerializeToUtf8Bytes(members), "application/json");
            var answer = await api.SendAsync(method, path(result), sent, [], cancellation);
            if (answer.Length == 0) return ExitCode.Ok;
            using var json = api.Parse(answer);
            await Console.Out.WriteLineAsync(result.GetValue(StoreApi.JsonOption) ? json.RootElement.GetRawText() : Line(json.RootElement));
            return ExitCode.Ok;
        });
        return command;
    }

    private static Command With(Command command, params Option[] options)
    {
        foreach (var option in (Option[])[.. options, StoreApi.ServerOption, StoreCredentials.DataOption]) command.Options.Add(option);
        return command;
    }

    private static string Path(ParseResult result) => $"/v1/users/{Uri.EscapeDataString(result.GetRequiredValue(Name))}";

    /// <exception cref="UsageException">There is none.</exception>
    private static string NewPassword() =>
        (Console.IsInputRedirected ? Console.In.ReadLine() : StoreCredentials.AskFor("new password")) is { Length: > 0 } password
            ? password
            : throw new UsageException("the new password is the first line of standard input");

    private static string Line(JsonElement user) =>
        $"{user.Text("username")}\t{(user.GetProperty("disabled").GetBoolean() ? "disabled" : "active")}\t"
        + $"{string.Join(' ', user.GetProperty("roles").EnumerateArray().Select(role => Readable.Safe(role.GetString()!)))}\t{user.Text("email")}";

    private static string Text(this JsonElement user, string name) => Readable.Safe(user.GetProperty(name).GetString()!);
}
