using System.CommandLine;
using System.Text;
using System.Text.Json;
using EntityActors.Storage.Model;

namespace EntityActors.Host.Cli;

/// <summary><c>ea query</c> and <c>ea history</c>: lists in pages.</summary>
internal static class ListCommands
{
    private const int PageLimitMax = 1_000;
    private const string LineFields = "id,revision,updatedAt,tags";

    private static readonly Option<string[]> Tags = new("--tag")
    {
        Description = "Entities with this tag, or with 'name:*' with a tag that begins so; repeatable", HelpName = "tag",
    };

    private static readonly Option<string[]> Not = new("--not") { Description = "Entities without this tag; repeatable", HelpName = "tag" };

    private static readonly Option<bool> Any = new("--any") { Description = "One of the tags is enough, instead of all" };

    private static readonly Option<string?> Lifecycle = new("--lifecycle")
    {
        Description = "active (the default), deleted, archived or any", HelpName = "lifecycle",
    };

    private static readonly Option<string?> AsOf = new("--as-of")
    {
        Description = "As of this moment: RFC 3339, or ns since 1970", HelpName = "time",
    };

    private static readonly Option<bool> Count = new("--count")
    {
        Description = "The number of all matches alone; with --json a page that holds it as total",
    };

    private static readonly Option<string?> Sort = new("--sort")
    {
        Description = "created, updated, id or tag:NAME; --sort=-updated for descending", HelpName = "field",
    };

    private static readonly Option<string?> Fields = new("--fields") { Description = "Fields of each entity, by commas; with --json", HelpName = "names" };

    private static readonly Option<bool> Partial = new("--partial")
    {
        Description = "Leaves out shards that do not answer and names them on standard error, instead of failing",
    };

    private static readonly Option<string?> From = new("--from") { Description = "Changes from this moment on", HelpName = "time" };

    private static readonly Option<string?> To = new("--to") { Description = "Changes up to this moment", HelpName = "time" };

    private static readonly Argument<string> Id = new("id") { Description = "Id of the entity" };

    private static readonly Option<int?> Limit = new("--limit")
    {
        Description = $"Most items of a page, 1 to {PageLimitMax} (default 100)", HelpName = "number",
    };

    private static readonly Option<string?> Cursor = new("--cursor") { Description = "Goes on where the page with this cursor ended", HelpName = "text" };

    private static readonly Option<bool> All = new("--all") { Description = "Every page; with --json one item a line" };

    public static Command Query()
    {
        var command = New("query", "Lists the entities with some tags, now or as of any moment", Tags, Not, Any, Lifecycle, AsOf, Sort, Count, Fields, Partial);
        command.SetAction(QueryAsync);
        return command;
    }

    public static Command History()
    {
        var command = New("history", "Lists the changes of an entity, oldest first", From, To);
        command.Arguments.Add(Id);
        command.SetAction(HistoryAsync);
        return command;
    }

    public static Command Datasets()
    {
        var command = New("datasets", "Lists the datasets with the numbers of their active entities", AsOf);
        command.Options.Remove(StoreApi.DatasetOption);
        command.SetAction((result, cancellation) =>
        {
            var query = new QueryString("/v1/datasets", PageLimit(result));
            query.Add("asOf", result.GetValue(AsOf));
            return ListAsync(result, query, static item => $"{item.GetProperty("name").GetString()}\t{item.GetProperty("activeCount")}", cancellation);
        });
        return command;
    }

    private static async Task<int> QueryAsync(ParseResult result, CancellationToken cancellation)
    {
        var (isJson, isCount, fields) = (result.GetValue(StoreApi.JsonOption), result.GetValue(Count), result.GetValue(Fields));
        if (fields is not null && !isJson) throw new UsageException("--fields needs --json");
        if (isCount && result.GetValue(All)) throw new UsageException("--count and --all exclude each other");
        var isNumberAlone = isCount && !isJson;
        var query = new QueryString($"{StoreApi.DatasetPath(result)}/entities", isNumberAlone ? 1 : PageLimit(result));
        foreach (var tag in Patterns(result, Tags)) query.Add("tag", tag);
        foreach (var tag in Patterns(result, Not)) query.Add("not", tag);
        if (result.GetValue(Any)) query.Add("match", "any");
        query.Add("lifecycle", result.GetValue(Lifecycle));
        query.Add("asOf", result.GetValue(AsOf));
        query.Add("sort", result.GetValue(Sort));
        if (isCount) query.Add("count", "true");
        if (result.GetValue(Partial)) query.Add("partial", "true");
        query.Add("fields", isJson ? fields : LineFields);
        if (!isNumberAlone) return await ListAsync(result, query, Readable.EntityLine, cancellation);

        using var api = StoreApi.For(result);
        using var page = api.Parse(await api.GetAsync(query.ToString(), cancellation));
        await Console.Out.WriteLineAsync(page.RootElement.GetProperty("total").ToString());
        await TellMissingAsync(page.RootElement);
        return ExitCode.Ok;
    }

    private static Task<int> HistoryAsync(ParseResult result, CancellationToken cancellation)
    {
        var query = new QueryString(StoreApi.EntityPath(result, result.GetRequiredValue(Id)) + "/history", PageLimit(result));
        query.Add("from", result.GetValue(From));
        query.Add("to", result.GetValue(To));
        return ListAsync(result, query, Readable.ChangeLine, cancellation);
    }

    private static async Task<int> ListAsync(ParseResult result, QueryString query, Func<JsonElement, string> readable, CancellationToken cancellation)
    {
        using var api = StoreApi.For(result);
        var (isJson, isAll) = (result.GetValue(StoreApi.JsonOption), result.GetValue(All));
        await foreach (var page in api.PagesAsync(query.ToString(), result.GetValue(Cursor), isAll, cancellation))
        {
            using var json = api.Parse(page);
            if (isJson && !isAll)
            {
                await ResultWriter.RawAsync(page);
                await TellMissingAsync(json.RootElement);
                continue;
            }

            foreach (var item in json.RootElement.GetProperty("items").EnumerateArray())
            {
                // Contents keep the line ends they were put with, which between the parts of a JSON value are spaces.
                if (isJson) await ResultWriter.RawAsync(Encoding.UTF8.GetBytes(item.GetRawText().Replace('\n', ' ').Replace('\r', ' ')));
                else await Console.Out.WriteLineAsync(readable(item));
            }

            if (!isAll && json.RootElement.TryGetProperty("cursor", out var cursor))
                await Console.Error.WriteLineAsync($"there is more: --cursor {cursor.GetString()}, or --all");
            if (!isAll || !json.RootElement.TryGetProperty("cursor", out _)) await TellMissingAsync(json.RootElement);
        }

        return ExitCode.Ok;
    }

    /// <summary>Names the shards that a page went without, if it went without any.</summary>
    private static async Task TellMissingAsync(JsonElement page)
    {
        if (page.TryGetProperty("missingShards", out var missing) && missing.GetArrayLength() > 0)
            await Console.Error.WriteLineAsync($"not all: shards that did not answer: {string.Join(", ", missing.EnumerateArray())}");
    }

    private static Command New(string name, string description, params Option[] options)
    {
        var command = new Command(name, description);
        foreach (var option in (Option[])
            [.. options, Limit, Cursor, All, StoreApi.JsonOption, StoreApi.DatasetOption, StoreApi.ServerOption, StoreCredentials.DataOption])
            command.Options.Add(option);
        return command;
    }

    private static int PageLimit(ParseResult result)
    {
        var limit = result.GetValue(Limit) ?? (result.GetValue(All) ? PageLimitMax : 100);
        return limit is >= 1 and <= PageLimitMax ? limit : throw new UsageException($"--limit is 1 to {PageLimitMax}, not {limit}");
    }

    private static string[] Patterns(ParseResult result, Option<string[]> option)
    {
        var patterns = result.GetValue(option) ?? [];
        foreach (var pattern in patterns)
        {
            if (!pattern.EndsWith('*') && Tag.Problem(pattern) is { } problem) throw new UsageException($"{option.Name} '{pattern}': {problem}");
        }

        return patterns;
    }

    /// <summary>A path with its query, percent-encoded.</summary>
    private sealed class QueryString(string path, int limit)
    {
        private readonly StringBuilder _text = new($"{path}?limit={limit}");

        public void Add(string name, string? value)
        {
            if (value is not null) _text.Append('&').Append(name).Append('=').Append(Uri.EscapeDataString(value));
        }

        public override string ToString() => _text.ToString();
    }
}
