using System.CommandLine;
using System.Text.Json;

namespace EntityActors.Host.Cli;

/// <summary><c>ea relations</c>: what an entity is related to.</summary>
internal static class RelationsCommand
{
    private static readonly Argument<string> Id = new("id") { Description = "Id of the entity" };

    private static readonly Option<int> Depth = new("--depth")
    {
        Description = "Steps, 1 (the default) to 5", HelpName = "number", DefaultValueFactory = _ => 1,
    };

    private static readonly Option<string> Direction = new("--direction")
    {
        Description = "out (the default): values of its tags; in: entities whose tags name it; both", HelpName = "way", DefaultValueFactory = _ => "out",
    };

    private static readonly Option<string?> Type = new("--type") { Description = "Name of the tags that are followed; any when absent", HelpName = "name" };

    private static readonly Option<string?> AsOf = new("--as-of")
    {
        Description = "As of this moment: RFC 3339, or ns since 1970", HelpName = "time",
    };

    private static readonly Option<int> Limit = new("--limit")
    {
        Description = "Most entities, 1 to 1000", HelpName = "number", DefaultValueFactory = _ => 100,
    };

    public static Command Create()
    {
        var command = new Command("relations", "Shows the entities that an entity is related to by tags whose values are ids")
        {
            Id, Depth, Direction, Type, AsOf, Limit, StoreApi.DatasetOption, StoreApi.JsonOption, StoreApi.ServerOption, StoreCredentials.DataOption,
        };
        command.SetAction(RunAsync);
        return command;
    }

    private static async Task<int> RunAsync(ParseResult result, CancellationToken cancellation)
    {
        var query = $"?depth={result.GetValue(Depth)}&limit={result.GetValue(Limit)}&direction={Uri.EscapeDataString(result.GetValue(Direction)!)}"
            + (result.GetValue(Type) is { } type ? "&type=" + Uri.EscapeDataString(type) : "")
            + (result.GetValue(AsOf) is { } moment ? "&asOf=" + Uri.EscapeDataString(moment) : "");
        using var api = StoreApi.For(result);
        var answer = await api.GetAsync(StoreApi.EntityPath(result, result.GetRequiredValue(Id)) + "/relations" + query, cancellation);
        await ResultWriter.WriteAsync(api, result, answer, Lines);
        using var graph = api.Parse(answer);
        if (graph.RootElement.GetProperty("truncated").GetBoolean()) await Console.Error.WriteLineAsync("not all: a limit ended the walk");
        return ExitCode.Ok;
    }

    /// <summary>One relation a line, its three parts separated by tabs.</summary>
    private static string Lines(JsonElement graph) => string.Join(Environment.NewLine, graph.GetProperty("edges").EnumerateArray()
        .Select(static edge => string.Join('\t', ((string[])["from", "type", "to"]).Select(part => Readable.Safe(edge.GetProperty(part).GetString()!)))));
}
