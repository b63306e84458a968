using System.CommandLine;
using System.IO.Compression;
using System.Text.Json;
using EntityActors.Host.Http;
using Spectre.Console;

namespace EntityActors.Host.Cli;

/// <summary><c>ea import</c>: sends a file of changes to a running store, in order, and says what became of them.</summary>
/// <remarks>A line sent again is the same command, so a part that was answered "busy" is sent again as a whole.</remarks>
internal static class ImportCommand
{
    private const int PartLines = 5_000;
    private const int PartBytes = 8 * 1024 * 1024;
    private const int LineBytesMax = 24 * 1024 * 1024;

    /// <summary>Refused lines shown to people, who see from a few what is wrong.</summary>
    private const int RejectionsShownMax = 10;

    private static readonly Argument<string> Source = new("file")
    {
        Description = "Changes, one JSON object a line; .gz is unpacked; '-' is standard input",
    };

    public static Command Create()
    {
        var command = new Command("import", "Imports changes with their own times into a running store")
        {
            Source, StoreApi.DatasetOption, StoreApi.JsonOption, StoreApi.ServerOption, StoreCredentials.DataOption,
        };
        command.SetAction(RunAsync);
        return command;
    }

    private static async Task<int> RunAsync(ParseResult result, CancellationToken cancellation)
    {
        var path = result.GetRequiredValue(Source);
        if (path != "-" && !File.Exists(path)) throw new UsageException($"there is no file {path}");
        var target = StoreApi.DatasetPath(result) + "/import";
        var totals = new ImportTotals();
        using var api = StoreApi.For(result);
        await using var raw = path == "-" ? Console.OpenStandardInput() : File.OpenRead(path);
        await using var stream = Path.GetExtension(path) == ".gz" ? new GZipStream(raw, CompressionMode.Decompress) : raw;
        var console = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(Console.Error) });
        await console.Progress().AutoClear(true).Columns(new TaskDescriptionColumn(), new ProgressBarColumn(), new PercentageColumn(),
            new RemainingTimeColumn())
            .StartAsync(async context =>
            {
                var bar = context.AddTask("import", maxValue: raw.CanSeek ? raw.Length : 1);
                bar.IsIndeterminate = !raw.CanSeek;
                await SendAsync(api, target, stream, totals, () => bar.Value = raw.CanSeek ? raw.Position : 0, cancellation);
            });
        await PrintAsync(result.GetValue(StoreApi.JsonOption), totals);
        return totals.RejectedCount == 0 ? ExitCode.Ok : ExitCode.Conflict;
    }

    private static async Task PrintAsync(bool isJson, ImportTotals totals)
    {
        if (isJson)
        {
            await Console.Out.WriteLineAsync(JsonSerializer.Serialize(totals, JsonSerializerOptions.Web));
            return;
        }

        await Console.Out.WriteLineAsync($"{totals.Applied} applied, {totals.Duplicate} duplicate, {totals.RejectedCount} rejected");
        foreach (var rejected in totals.Rejected.Take(RejectionsShownMax))
            await Console.Error.WriteLineAsync($"line {rejected.Line}: {rejected.Code}: {Readable.Safe(rejected.Detail)}");
        if (totals.RejectedCount > RejectionsShownMax) await Console.Error.WriteLineAsync("and more: --json lists every one");
    }

    private static async Task SendAsync(StoreApi api, string target, Stream stream, ImportTotals totals, Action advance, CancellationToken cancellation)
    {
        var lines = new NdjsonReader(stream, LineBytesMax);
        using var part = new MemoryStream();
        long number = 0, sent = 0;
        while (await lines.ReadAsync(cancellation) is { } line)
        {
            number++;
            if (line.IsTooLong) totals.Reject(new ImportRejection(number, "content_too_large", $"a line is at most {LineBytesMax} bytes"));
            // Sent empty in its place, the line keeps the numbers of those behind it.
            part.Write(line.Bytes.Span);
            part.WriteByte((byte)'\n');
            if (number - sent < PartLines && part.Length < PartBytes) continue;
            await SendPartAsync();
        }

        // Also when there is no line at all: whether the store is there and knows the dataset is worth an answer.
        if (number == 0 || number > sent) await SendPartAsync();

        async Task SendPartAsync()
        {
            var body = new ApiBody(part.GetBuffer().AsMemory(0, (int)part.Length), "application/x-ndjson");
            using var answer = api.Parse(await api.SendAsync(HttpMethod.Post, target, body, [], cancellation));
            totals.Add(answer.RootElement.Deserialize<ImportTotals>(JsonSerializerOptions.Web)!, sent);
            part.SetLength(0);
            sent = number;
            advance();
        }
    }
}

/// <summary>What became of the lines; the shape of the import's answer.</summary>
internal sealed class ImportTotals
{
    public long Applied { get; set; }

    public long Duplicate { get; set; }

    public List<ImportRejection> Rejected { get; init; } = [];

    public long RejectedCount { get; set; }

    public void Add(ImportTotals part, long linesBefore)
    {
        Applied += part.Applied;
        Duplicate += part.Duplicate;
        foreach (var rejection in part.Rejected) Reject(rejection with { Line = rejection.Line + linesBefore });
    }

    public void Reject(ImportRejection rejection)
    {
        RejectedCount++;
        Rejected.Add(rejection);
    }
}

internal sealed record ImportRejection(long Line, string Code, string Detail);
