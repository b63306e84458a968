using System.CommandLine;
using System.Text.Json;
using EntityActors.Storage.Model;

namespace EntityActors.Host.Cli;

/// <summary><c>ea tx</c>: several entities of one shard changed at once or not at all.</summary>
internal static class TransactionCommand
{
    private static readonly Argument<string> Source = new("file")
    {
        Description = "{\"operations\":[{\"op\":\"put\",\"id\":…},…]} as the HTTP interface takes it; '-' is standard input",
    };

    private static readonly Option<string?> CommandKey = new("--command-id")
    {
        Description = "Idempotency key: the same key takes effect once within ten minutes", HelpName = "text",
    };

    public static Command Create()
    {
        var command = new Command("tx", "Changes several entities of one shard together, or none of them")
        {
            Source, CommandKey, StoreApi.DatasetOption, StoreApi.JsonOption, StoreApi.ServerOption, StoreCredentials.DataOption,
        };
        command.SetAction(RunAsync);
        return command;
    }

    private static async Task<int> RunAsync(ParseResult result, CancellationToken cancellation)
    {
        var path = result.GetRequiredValue(Source);
        var body = new ApiBody(await ContentInput.BytesAsync(path, cancellation), "application/json");
        using var api = StoreApi.For(result);
        (string, string)[] headers = [("Idempotency-Key", result.GetValue(CommandKey) ?? CommandId.New().ToString())];
        var answer = await api.SendAsync(HttpMethod.Post, StoreApi.DatasetPath(result) + "/transactions", body, headers, cancellation);
        await ResultWriter.WriteAsync(api, result, answer, Commits);
        return ExitCode.Ok;
    }

    private static string Commits(JsonElement answer) =>
        string.Join(Environment.NewLine, answer.GetProperty("commits").EnumerateArray().Select(Readable.Commit));
}
