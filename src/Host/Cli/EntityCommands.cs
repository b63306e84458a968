using System.CommandLine;
using System.Text.Json;
using EntityActors.Storage.Model;

namespace EntityActors.Host.Cli;

/// <summary><c>ea entity …</c>: one entity of a running store.</summary>
internal static class EntityCommands
{
    private static readonly Argument<string> Id = new("id") { Description = "Id of the entity; any text, behind '--' when it begins with '-'" };

    private static readonly Option<string?> AsOf = new("--as-of")
    {
        Description = "The state at this moment: RFC 3339, or ns since 1970", HelpName = "time",
    };

    private static readonly Option<string?> At = new("--at")
    {
        Description = "When the change was true, if not now: later than the entity's last, not in the future", HelpName = "time",
    };

    private static readonly Option<string?> IfMatch = new("--if-match")
    {
        Description = "Only if the entity has this revision ('*': if there is one); otherwise exit code 3", HelpName = "revision",
    };

    private static readonly Option<bool> IfAbsent = new("--if-absent") { Description = "Only if there is no such entity; otherwise exit code 3" };

    private static readonly Option<string?> CommandKey = new("--command-id")
    {
        Description = "Idempotency key: the same key takes effect once within ten minutes", HelpName = "text",
    };

    private static readonly Option<string[]> Tags = new("--tag") { Description = "A tag name:value; repeatable", HelpName = "tag" };

    private static readonly Option<string[]> Add = new("--add") { Description = "Adds a tag; repeatable", HelpName = "tag" };

    private static readonly Option<string[]> Remove = new("--remove") { Description = "Removes a tag; repeatable", HelpName = "tag" };

    private static readonly Option<string?> ExpiresAt = new("--expires-at")
    {
        Description = "When it is deleted by itself: RFC 3339, ns since 1970, or 'never'", HelpName = "time",
    };

    private static readonly Option<double?> TimeToLive = new("--ttl") { Description = "Seconds after which it is deleted by itself", HelpName = "seconds" };

    private static readonly Option<string?> Output = new("--output") { Description = "Writes the content to this file", HelpName = "path" };

    public static Command Create() => new("entity", "Reads and changes one entity of a running store")
    {
        Get(), Put(), ChangeTags(), Content(), Delete(), Archive(), Restore(), Purge(),
    };

    private static Command Get()
    {
        var command = New("get", "Shows an entity, now or as of any moment", AsOf, StoreApi.JsonOption);
        command.SetAction((result, cancellation) => ShowAsync(result, Readable.Entity, cancellation));
        return command;
    }

    private static Command Put()
    {
        var command = New("put", "Sets the whole state: these tags and this content, nothing else", Tags);
        ContentInput.AddTo(command);
        AddWriteOptions(command);
        AddExpiryOptions(command);
        command.SetAction(PutAsync);
        return command;
    }

    private static Command ChangeTags()
    {
        var command = New("tags", "Adds and removes tags; without --add and --remove it lists them", Add, Remove, AsOf);
        AddWriteOptions(command);
        AddExpiryOptions(command);
        command.SetAction(TagsAsync);
        return command;
    }

    private static Command Content()
    {
        var command = New("content", "Writes the content's bytes to standard output, or replaces it when content is given", AsOf, Output);
        ContentInput.AddTo(command);
        AddWriteOptions(command);
        command.SetAction(ContentAsync);
        return command;
    }

    private static Command Delete()
    {
        var command = New("delete", "Deletes softly: the entity leaves queries, its history stays");
        AddWriteOptions(command);
        command.SetAction((result, cancellation) => WriteAsync(result, HttpMethod.Delete, "", null, cancellation));
        return command;
    }

    private static Command Restore()
    {
        var command = New("restore", "Takes a delete or an archiving back");
        AddWriteOptions(command);
        command.SetAction((result, cancellation) => WriteAsync(result, HttpMethod.Post, "/restore", null, cancellation));
        return command;
    }

    private static Command Archive()
    {
        var command = New("archive", "Puts the entity aside: it can be read, and changed only once it is restored");
        AddWriteOptions(command);
        command.SetAction((result, cancellation) => WriteAsync(result, HttpMethod.Post, "/archive", null, cancellation));
        return command;
    }

    private static Command Purge()
    {
        var command = New("purge", "Takes the entity away for ever, its whole past included; there is no way back");
        AddWriteOptions(command);
        command.SetAction((result, cancellation) => WriteAsync(result, HttpMethod.Delete, "?purge=true", null, cancellation));
        return command;
    }

    private static async Task<int> PutAsync(ParseResult result, CancellationToken cancellation)
    {
        var tags = CheckedTags(result, Tags);
        var content = await ContentInput.ReadAsync(result, cancellation);
        var body = Body(json =>
        {
            WriteTags(json, "tags", tags);
            WriteTimes(json, result);
            if (content is null) return;
            json.WriteString("contentType", content.ContentType);
            if (!content.IsJson) json.WriteBase64String("contentBase64", content.Bytes.Span);
            else
            {
                json.WritePropertyName("content");
                json.WriteRawValue(content.Bytes.Span);
            }
        });
        return await WriteAsync(result, HttpMethod.Put, "", body, cancellation);
    }

    private static async Task<int> TagsAsync(ParseResult result, CancellationToken cancellation)
    {
        var (add, remove) = (CheckedTags(result, Add), CheckedTags(result, Remove));
        if (add.Length + remove.Length == 0 && result.GetValue(ExpiresAt) is null && result.GetValue(TimeToLive) is null)
        {
            RefuseWriteOptions(result, "--add, --remove, --expires-at or --ttl");
            return await ShowAsync(result, TagLines, cancellation);
        }

        if (result.GetValue(AsOf) is not null) throw new UsageException("--as-of reads; the past is changed by no one");
        return await WriteAsync(result, HttpMethod.Patch, "/tags", Body(json =>
        {
            WriteTags(json, "add", add);
            WriteTags(json, "remove", remove);
            WriteTimes(json, result);
        }), cancellation);
    }

    private static async Task<int> ContentAsync(ParseResult result, CancellationToken cancellation)
    {
        var temporary = Path.Combine(Path.GetTempPath(), $"ea-content-{Guid.NewGuid():n}");
        try
        {
            return await ContentInput.OpenAsync(result, temporary, cancellation) is { } content
                ? await PutContentAsync(result, content, cancellation)
                : await GetContentAsync(result, cancellation);
        }
        finally
        {
            File.Delete(temporary);
        }
    }

    private static async Task<int> PutContentAsync(ParseResult result, ContentInput content, CancellationToken cancellation)
    {
        if (result.GetValue(AsOf) is not null) throw new UsageException("--as-of reads; the past is changed by no one");
        if (result.GetValue(Output) is not null) throw new UsageException("--output belongs to reading the content");
        if (content.LargeFile is not { } file)
            return await WriteAsync(result, HttpMethod.Put, "/content", new ApiBody(content.Bytes, content.ContentType), cancellation);
        using var api = StoreApi.For(result);
        var target = StoreApi.EntityPath(result, result.GetRequiredValue(Id)) + "/content";
        var answer = await ContentCommand.SendAsync(api, target, file, content.ContentType, WriteHeaders(result), cancellation);
        await ResultWriter.WriteAsync(api, result, answer, Readable.Commit);
        return ExitCode.Ok;
    }

    private static async Task<int> GetContentAsync(ParseResult result, CancellationToken cancellation)
    {
        RefuseWriteOptions(result, "--content or --content-file");
        using var api = StoreApi.For(result);
        var target = StoreApi.EntityPath(result, result.GetRequiredValue(Id)) + "/content" + AsOfQuery(result);
        await ContentCommand.ReceiveAsync(api, target, result.GetValue(Output), cancellation);
        return ExitCode.Ok;
    }

    private static async Task<int> ShowAsync(ParseResult result, Func<JsonElement, string> readable, CancellationToken cancellation)
    {
        using var api = StoreApi.For(result);
        var answer = await api.GetAsync(StoreApi.EntityPath(result, result.GetRequiredValue(Id)) + AsOfQuery(result), cancellation);
        await ResultWriter.WriteAsync(api, result, answer, readable);
        return ExitCode.Ok;
    }

    private static async Task<int> WriteAsync(ParseResult result, HttpMethod method, string route, ApiBody? body, CancellationToken cancellation)
    {
        using var api = StoreApi.For(result);
        var path = StoreApi.EntityPath(result, result.GetRequiredValue(Id)) + route;
        await ResultWriter.WriteAsync(api, result, await api.SendAsync(method, path, body, WriteHeaders(result), cancellation), Readable.Commit);
        return ExitCode.Ok;
    }

    private static List<(string Name, string Value)> WriteHeaders(ParseResult result)
    {
        var headers = new List<(string, string)> { ("Idempotency-Key", result.GetValue(CommandKey) ?? CommandId.New().ToString()) };
        if (result.GetValue(IfMatch) is { } revision) headers.Add(("If-Match", revision == "*" ? "*" : $"\"{Revision(revision)}\""));
        if (result.GetValue(IfAbsent)) headers.Add(("If-None-Match", "*"));
        return headers;
    }

    private static Command New(string name, string description, params Option[] options)
    {
        var command = new Command(name, description) { Id };
        foreach (var option in options) command.Options.Add(option);
        command.Options.Add(StoreApi.DatasetOption);
        command.Options.Add(StoreApi.ServerOption);
        command.Options.Add(StoreCredentials.DataOption);
        return command;
    }

    private static void AddWriteOptions(Command command)
    {
        command.Options.Add(IfMatch);
        command.Options.Add(IfAbsent);
        command.Options.Add(CommandKey);
        command.Options.Add(StoreApi.JsonOption);
    }

    private static void AddExpiryOptions(Command command)
    {
        command.Options.Add(At);
        command.Options.Add(ExpiresAt);
        command.Options.Add(TimeToLive);
    }

    /// <summary>A condition on a command that only reads would be dropped without a word.</summary>
    private static void RefuseWriteOptions(ParseResult result, string needed)
    {
        foreach (var option in (Option[])[IfMatch, IfAbsent, CommandKey, At])
        {
            if (result.GetResult(option) is { Implicit: false }) throw new UsageException($"{option.Name} needs {needed}");
        }
    }

    private static string[] CheckedTags(ParseResult result, Option<string[]> option)
    {
        var tags = result.GetValue(option) ?? [];
        foreach (var tag in tags)
        {
            if (Tag.Problem(tag) is { } problem) throw new UsageException($"{option.Name} '{tag}': {problem}");
        }

        return tags;
    }

    private static long Revision(string text) =>
        long.TryParse(text, System.Globalization.NumberStyles.None, null, out var revision) && revision > 0
            ? revision
            : throw new UsageException($"--if-match is a revision from 1 or '*', not '{text}'");

    private static string AsOfQuery(ParseResult result) =>
        result.GetValue(AsOf) is { } moment ? "?asOf=" + Uri.EscapeDataString(moment) : "";

    private static string TagLines(JsonElement entity) =>
        string.Join(Environment.NewLine, entity.GetProperty("tags").EnumerateArray().Select(tag => Readable.Safe(tag.GetString()!)));

    private static ApiBody Body(Action<Utf8JsonWriter> write)
    {
        var bytes = new System.Buffers.ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(bytes))
        {
            json.WriteStartObject();
            write(json);
            json.WriteEndObject();
        }

        return new ApiBody(bytes.WrittenMemory, "application/json");
    }

    private static void WriteTags(Utf8JsonWriter json, string name, string[] tags)
    {
        json.WriteStartArray(name);
        foreach (var tag in tags) json.WriteStringValue(tag);
        json.WriteEndArray();
    }

    private static void WriteTimes(Utf8JsonWriter json, ParseResult result)
    {
        if (result.GetValue(At) is { } moment) json.WriteString("at", moment);
        if (result.GetValue(TimeToLive) is { } seconds) json.WriteNumber("ttl", seconds);
        if (result.GetValue(ExpiresAt) is not { } expiresAt) return;
        if (expiresAt == "never") json.WriteNull("expiresAt");
        else json.WriteString("expiresAt", expiresAt);
    }
}
