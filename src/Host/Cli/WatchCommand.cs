using System.CommandLine;
using System.Text.Json;
using EntityActors.Actors.Feeds;

namespace EntityActors.Host.Cli;

/// <summary><c>ea watch</c>: the changes of a dataset as they come, through restarts of the store.</summary>
/// <remarks>A connection that ends is opened again behind the last change that was shown: none is shown twice, none left out.</remarks>
internal static class WatchCommand
{
    /// <summary>Larger than the largest change as JSON.</summary>
    private const int LineBytesMax = 32 * 1024 * 1024;

    /// <summary>Three heartbeats of the store.</summary>
    private static readonly TimeSpan SilenceMax = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan RetryDelayMin = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan RetryDelayMax = TimeSpan.FromSeconds(2);

    private static readonly Option<string> From = new("--from")
    {
        Description = "'beginning', 'now' (the default) or a cursor that an earlier watch ended with", HelpName = "cursor",
        DefaultValueFactory = _ => FeedQuery.Now,
    };

    private static readonly Option<string?> Tag = new("--tag")
    {
        Description = "Changes that add or remove this tag, or with 'name:*' one that begins so", HelpName = "tag",
    };

    private static readonly Option<bool> NoFollow = new("--no-follow") { Description = "End when everything that was there is shown" };

    public static Command Create()
    {
        var command = new Command("watch", "Shows the changes of a dataset as they come; goes on when the store was restarted")
        {
            From, Tag, NoFollow, StoreApi.JsonOption, StoreApi.DatasetOption, StoreApi.ServerOption, StoreCredentials.DataOption,
        };
        command.SetAction(RunAsync);
        return command;
    }

    private static async Task<int> RunAsync(ParseResult result, CancellationToken cancellation)
    {
        var follow = !result.GetValue(NoFollow);
        var target = $"{StoreApi.DatasetPath(result)}/changes?progress=true" + (follow ? "" : "&follow=false")
            + (result.GetValue(Tag) is { } tag ? $"&tag={Uri.EscapeDataString(tag)}" : "");
        using var api = StoreApi.For(result);
        await using var output = Console.OpenStandardOutput();
        var watch = new Watch(api, target, output, result.GetValue(StoreApi.JsonOption), result.GetRequiredValue(From));
        try
        {
            for (var failures = 0; ;)
            {
                var before = watch.Cursor;
                var failure = await watch.ReadAsync(cancellation);
                if (failure is null && !follow) return ExitCode.Ok;
                // Whoever was never answered is told so; a store that answered before is waited for.
                failures = watch.Cursor == before ? failures + 1 : 1;
                if (failure is not null && !watch.HasBegun && failures >= StoreApi.TryCountMax) throw failure;
                if (failures == 1) await Console.Error.WriteLineAsync($"the store is away, waiting for it: {failure?.Message ?? "it ended the feed"}");
                var delay = RetryDelayMin * Math.Pow(2, Math.Min(failures - 1, 10));
                await Task.Delay(delay < RetryDelayMax ? delay : RetryDelayMax, TimeProvider.System, cancellation);
            }
        }
        finally
        {
            if (watch.HasBegun) await Console.Error.WriteLineAsync($"go on with: --from {watch.Cursor}");
        }
    }

    /// <summary>What was shown so far, and where it goes on.</summary>
    private sealed class Watch(StoreApi api, string target, Stream output, bool isJson, string from)
    {
        public string Cursor { get; private set; } = from;

        public bool HasBegun { get; private set; }

        /// <summary>Shows what one connection brings.</summary>
        /// <returns>Why it ended, when that may pass; null when the store ended it.</returns>
        /// <exception cref="ApiFailure">It was refused for good, or the next change is lost.</exception>
        public async Task<ApiFailure?> ReadAsync(CancellationToken cancellation)
        {
            try
            {
                await foreach (var line in api.LinesAsync($"{target}&since={Uri.EscapeDataString(Cursor)}", LineBytesMax, SilenceMax, cancellation))
                {
                    if (line.IsEmpty) continue;
                    using var json = api.Parse(line.ToArray());
                    await TakeAsync(json.RootElement, line);
                }

                return null;
            }
            catch (ApiFailure failure) when (failure.ExitCode == ExitCode.Unavailable)
            {
                return failure;
            }
        }

        private async Task TakeAsync(JsonElement item, ReadOnlyMemory<byte> line)
        {
            if (!item.TryGetProperty("cursor", out var cursor)) throw ApiFailure.Of((System.Net.HttpStatusCode)Status(item), line);
            if (item.TryGetProperty("id", out _))
            {
                await output.WriteAsync(isJson ? line : System.Text.Encoding.UTF8.GetBytes(Readable.FeedLine(item)));
                output.WriteByte((byte)'\n');
            }

            // Only now: what was not shown is asked for again.
            Cursor = cursor.GetString()!;
            HasBegun = true;
        }

        private static int Status(JsonElement problem) =>
            problem.TryGetProperty("status", out var status) && status.TryGetInt32(out var number) ? number : 0;
    }
}
