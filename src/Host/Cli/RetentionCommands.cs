using System.CommandLine;
using System.Text.Json;
using EntityActors.Actors.Retention;

namespace EntityActors.Host.Cli;

/// <summary><c>ea retention</c>: policies of datasets of a running store.</summary>
internal static class RetentionCommands
{
    private static readonly Option<double?> PurgeDeletedAfter = new("--purge-deleted-after")
    {
        Description = "Age from which deleted entities are purged", HelpName = "seconds",
    };

    private static readonly Option<double?> DeleteArchivedAfter = new("--delete-archived-after")
    {
        Description = "Age from which archived entities are deleted", HelpName = "seconds",
    };

    private static readonly Option<double?> TrimHistoryAfter = new("--trim-history-after")
    {
        Description = "Age from which history goes; the state at that time and what came later stay", HelpName = "seconds",
    };

    private static readonly Option<long?> KeepChanges = new("--keep-changes")
    {
        Description = "Newest changes of each entity that stay whatever their age", HelpName = "number",
    };

    private static readonly Option<bool> DryRun = new("--dry-run") { Description = "Says what would go, and changes nothing" };

    public static Command Create() => new("retention", "What becomes of entities with time")
    {
        Set(), List(), Remove(), Apply(),
    };

    private static Command Set()
    {
        var command = New("set", "Sets the policy of a dataset; an age that is not given is never", PurgeDeletedAfter, DeleteArchivedAfter,
            TrimHistoryAfter, KeepChanges);
        command.SetAction(async (result, cancellation) =>
        {
            var buffer = new System.Buffers.ArrayBufferWriter<byte>();
            using (var json = new Utf8JsonWriter(buffer))
            {
                json.WriteStartObject();
                if (result.GetValue(PurgeDeletedAfter) is { } deleted) json.WriteNumber(RetentionPolicy.PurgeDeletedAfterName, deleted);
                if (result.GetValue(DeleteArchivedAfter) is { } archived) json.WriteNumber(RetentionPolicy.DeleteArchivedAfterName, archived);
                if (result.GetValue(TrimHistoryAfter) is { } trimmed) json.WriteNumber(RetentionPolicy.TrimHistoryAfterName, trimmed);
                if (result.GetValue(KeepChanges) is { } kept) json.WriteNumber(RetentionPolicy.KeepChangesName, kept);
                json.WriteEndObject();
            }

            using var api = StoreApi.For(result);
            var body = new ApiBody(buffer.WrittenMemory, "application/json");
            await ResultWriter.WriteAsync(api, result, await api.SendAsync(HttpMethod.Put, PathOf(result), body, [], cancellation), Line);
            return ExitCode.Ok;
        });
        return command;
    }

    private static Command List()
    {
        var command = new Command("list", "All policies, one a line") { StoreApi.ServerOption, StoreCredentials.DataOption, StoreApi.JsonOption };
        command.SetAction(async (result, cancellation) =>
        {
            using var api = StoreApi.For(result);
            await ResultWriter.WriteAsync(api, result, await api.GetAsync("/v1/retention", cancellation), static json => Lines(json, Line));
            return ExitCode.Ok;
        });
        return command;
    }

    private static Command Remove()
    {
        var command = New("remove", "Takes the policy of a dataset away");
        command.SetAction(async (result, cancellation) =>
        {
            using var api = StoreApi.For(result);
            _ = await api.SendAsync(HttpMethod.Delete, PathOf(result), null, [], cancellation);
            return ExitCode.Ok;
        });
        return command;
    }

    private static Command Apply()
    {
        var command = New("apply", "Applies the policy of a dataset now, one line for each entity that goes", DryRun);
        command.SetAction(async (result, cancellation) =>
        {
            using var api = StoreApi.For(result);
            var target = PathOf(result) + "/apply?dryRun=" + (result.GetValue(DryRun) ? "true" : "false");
            for (var next = target; next is not null;)
            {
                var answer = await api.SendAsync(HttpMethod.Post, next, null, [], cancellation);
                await ResultWriter.WriteAsync(api, result, answer, static json => Outcome(json));
                using var outcome = api.Parse(answer);
                next = outcome.RootElement.TryGetProperty("cursor", out var cursor) ? $"{target}&cursor={Uri.EscapeDataString(cursor.GetString()!)}" : null;
            }

            return ExitCode.Ok;
        });
        return command;
    }

    private static Command New(string name, string description, params Option[] options)
    {
        var command = new Command(name, description);
        foreach (var option in options) command.Options.Add(option);
        command.Options.Add(StoreApi.DatasetOption);
        command.Options.Add(StoreApi.ServerOption);
        command.Options.Add(StoreCredentials.DataOption);
        command.Options.Add(StoreApi.JsonOption);
        return command;
    }

    private static string PathOf(ParseResult result) => StoreApi.DatasetPath(result) + "/retention";

    private static string Lines(JsonElement page, Func<JsonElement, string> line) =>
        string.Join(Environment.NewLine, page.GetProperty("items").EnumerateArray().Select(line));

    private static string Outcome(JsonElement outcome)
    {
        var lines = outcome.GetProperty("items").EnumerateArray().Select(Item).ToList();
        var (changes, entities) = (Count("changes"), Count("entities"));
        if (changes > 0) lines.Add($"trim\t{changes} changes of {entities} entities");
        return string.Join(Environment.NewLine, lines);

        long Count(string name) => outcome.GetProperty("trimmed").GetProperty(name).GetInt64();
    }

    private static string Line(JsonElement policy) => policy.GetProperty("dataset").GetString()
        + "\tpurge deleted after " + Age(policy, RetentionPolicy.PurgeDeletedAfterName)
        + "\tdelete archived after " + Age(policy, RetentionPolicy.DeleteArchivedAfterName)
        + "\ttrim history after " + Age(policy, RetentionPolicy.TrimHistoryAfterName)
        + (policy.TryGetProperty(RetentionPolicy.KeepChangesName, out var kept) ? $"\tkeep {kept.GetRawText()} changes" : "");

    private static string Item(JsonElement item) =>
        $"{item.GetProperty("action").GetString()}\t{Readable.Safe(item.GetProperty("id").GetString()!)}\tsince {item.GetProperty("since").GetString()}";

    private static string Age(JsonElement policy, string name) =>
        policy.TryGetProperty(name, out var seconds) ? $"{seconds.GetRawText()} s" : "never";
}
