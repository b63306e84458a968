using EntityActors.Actors.Client;
using EntityActors.Actors.Feeds;
using EntityActors.Host.Http.OpenApi;
using EntityActors.Host.Security;
using EntityActors.Storage.Model;

namespace EntityActors.Host.Http;

/// <summary>The changes of a dataset as they come, from any cursor on.</summary>
/// <remarks>
/// The server keeps nothing between two requests: a client whose connection ended comes back with its last cursor. A feed that cannot
/// go on says why before it ends; one that ends without a word was ended by the server's stop.
/// </remarks>
internal static class ChangeEndpoint
{
    private const string Events = "text/event-stream";

    /// <summary>Longest silence on a connection.</summary>
    private static readonly TimeSpan HeartbeatInterval = TimeSpan.FromSeconds(10);

    /// <summary>Longest wait for a first page before the answer begins. Where all shards answer, a page takes some milliseconds.</summary>
    private static readonly TimeSpan RefusalWait = TimeSpan.FromMilliseconds(200);

    public static void Map(IEndpointRouteBuilder routes) =>
        routes.MapMethods("/v1/datasets/{ds}/changes", RequestReader.Reads, ReadAsync).Requires("entity:read")
            .Named("followChanges", "Changes", "Every acknowledged change of the dataset, from a cursor on, as they are made.")
            .Takes("since", ParameterKind.Text, "beginning (the default), now or a cursor.", "beginning")
            .Takes("tag", ParameterKind.Text, "Only changes that add or remove this tag, or one that begins so (name:*).", "genre:novel")
            .Takes("follow", ParameterKind.Flag, "false ends the answer behind what was acknowledged before the request.", "false")
            .Takes("progress", ParameterKind.Flag, "Whether lines {cursor} tell how far the feed has come without a change.", "false")
            .TakesHeader("Last-Event-ID", "Cursor to go on from; wins over since.")
            .TakesHeader("Accept", "text/event-stream for server-sent events.", Events).Problems(410, "cursor_expired")
            .Answers<ChangeShape>(200, "One change a line; in silence an empty line every ten seconds.", ApiExamples.FeedLine, "application/x-ndjson")
            .Answers<ChangeShape>(200, "Server-sent events: id is the cursor, data the Change.", ApiExamples.FeedEvent, Events);

    private static async Task ReadAsync(HttpContext context, IEntityStore store, IHostApplicationLifetime lifetime)
    {
        var query = RequestReader.Query(context, "since", "tag", "follow", "progress");
        var tag = QueryEndpoints.Patterns(query, "tag");
        if (tag.Length > 1) throw ApiProblem.Invalid("a feed takes one tag");
        var asked = new FeedQuery(SinceOf(context, query), new ChangeFilter(RequestReader.Dataset(context), tag.IsEmpty ? null : tag[0]), null,
            RequestReader.Single(query, "follow") is null || RequestReader.Flag(query, "follow"));
        using var stream = new ChangeStream(context, WantsEvents(context), RequestReader.Flag(query, "progress"));
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted, lifetime.ApplicationStopping);
        await using var items = store.ChangesAsync(asked, stop.Token).GetAsyncEnumerator(stop.Token);
        // The first item says where the feed begins and waits for no change: what can be refused is refused here, with a problem.
        await items.MoveNextAsync();
        var first = items.Current;
        if (HttpMethods.IsHead(context.Request.Method))
        {
            stream.Begin();
            return;
        }

        var next = await SecondAsync(items, asked);
        stream.Begin();
        try
        {
            stream.Write(first);
            while (await NextAsync(next, stream, stop.Token))
            {
                stream.Write(items.Current);
                if (stream.IsFull) await stream.FlushAsync();
                next = items.MoveNextAsync().AsTask();
            }

            await stream.FlushAsync();
        }
        catch (OperationCanceledException) when (!context.RequestAborted.IsCancellationRequested)
        {
            // The server stops. Whole lines were sent; the client goes on elsewhere from the last one.
        }
        catch (StoreUnavailableException) when (lifetime.ApplicationStopping.IsCancellationRequested)
        {
            // As above.
        }
        catch (StoreException failure) when (ApiProblem.Of(failure) is not null)
        {
            await stream.FailAsync(ApiProblem.Of(failure)!);
        }
    }

    /// <summary>Begins to wait for the second item. A first page that is refused soon gets the answer a status; later it can only end the feed.</summary>
    /// <exception cref="CursorExpiredException">It was refused.</exception>
    private static async Task<Task<bool>> SecondAsync(IAsyncEnumerator<FeedItem> items, FeedQuery asked)
    {
        var second = items.MoveNextAsync().AsTask();
        if (asked.Since == FeedQuery.Now) return second;
        await Task.WhenAny(second, Task.Delay(RefusalWait, TimeProvider.System, CancellationToken.None));
        if (second is { IsFaulted: true, Exception.InnerException: CursorExpiredException }) await second;
        return second;
    }

    /// <summary>Waits for the next item; what was written is sent before, and heartbeats meanwhile.</summary>
    private static async ValueTask<bool> NextAsync(Task<bool> waiting, ChangeStream stream, CancellationToken stop)
    {
        if (waiting.IsCompleted) return await waiting;
        try
        {
            await stream.FlushAsync();
            while (true)
            {
                var silence = Task.Delay(HeartbeatInterval, TimeProvider.System, stop);
                if (await Task.WhenAny(waiting, silence) == waiting) return await waiting;
                stop.ThrowIfCancellationRequested();
                await stream.HeartbeatAsync();
            }
        }
        finally
        {
            // The enumerator may be disposed only when it is not in the middle of a step.
            await ((Task)waiting).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private static string SinceOf(HttpContext context, Dictionary<string, List<string>> query)
    {
        // What a client that comes back has seen last; its address still names what it began with.
        var last = context.Request.Headers["Last-Event-ID"];
        if (last.Count > 1) throw ApiProblem.Invalid("Last-Event-ID is one cursor");
        return last is [{ Length: > 0 } cursor] ? cursor : RequestReader.Single(query, "since") ?? FeedQuery.Beginning;
    }

    private static bool WantsEvents(HttpContext context)
    {
        foreach (var accepted in context.Request.Headers.Accept)
        {
            foreach (var type in (accepted ?? "").Split(','))
            {
                if (type.Split(';')[0].Trim().Equals(Events, StringComparison.OrdinalIgnoreCase)) return true;
            }
        }

        return false;
    }
}
