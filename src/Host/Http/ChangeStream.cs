using System.Buffers;
using System.Diagnostics;
using System.Text;
using EntityActors.Actors.Feeds;

namespace EntityActors.Host.Http;

/// <summary>Writes a feed as server-sent events or as one JSON value a line.</summary>
/// <param name="tellsProgress">Whether lines say how far the feed has come when there is no change; events always do.</param>
internal sealed class ChangeStream(HttpContext context, bool isEvents, bool tellsProgress) : IDisposable
{
    private const int FlushBytes = 64 * 1024;

    private readonly JsonLine _line = new();
    private int _unflushed;

    public void Begin()
    {
        context.Response.ContentType = isEvents ? "text/event-stream" : "application/x-ndjson";
        context.Response.Headers.CacheControl = "no-store";
    }

    public void Write(FeedItem item)
    {
        if (item.Change is not { } change) WriteProgress(item.Cursor());
        else if (isEvents) WriteEvent(item, item.Cursor());
        else Put(_line.Of(json => JsonShapes.FeedChange(json, change, item.Shard!.Value, item.Cursor())), "\n"u8);
    }

    /// <summary>Nothing to tell, but the connection lives.</summary>
    public Task HeartbeatAsync()
    {
        Put(isEvents ? ":\n\n"u8 : "\n"u8);
        return FlushAsync();
    }

    /// <summary>The last thing of a feed that cannot go on.</summary>
    public Task FailAsync(ApiProblem problem)
    {
        var line = _line.Of(json => JsonShapes.Problem(json, problem, Activity.Current?.TraceId.ToString() ?? context.TraceIdentifier));
        if (isEvents) Put("event: error\ndata: "u8, line, "\n\n"u8);
        else Put(line, "\n"u8);
        return FlushAsync();
    }

    /// <summary>Whether so much was written that it has to be sent before more is.</summary>
    public bool IsFull => _unflushed >= FlushBytes;

    public async Task FlushAsync()
    {
        _unflushed = 0;
        // Waits for a client that reads slowly: so does the feed behind it.
        await context.Response.BodyWriter.FlushAsync(context.RequestAborted);
    }

    public void Dispose() => _line.Dispose();

    private void WriteProgress(string cursor)
    {
        // An event without data is none, but a client keeps its id.
        if (isEvents) Put("id: "u8, Encoding.ASCII.GetBytes(cursor), "\n\n"u8);
        else if (tellsProgress)
        {
            Put(_line.Of(json =>
            {
                json.WriteStartObject();
                json.WriteString("cursor", cursor);
                json.WriteEndObject();
            }), "\n"u8);
        }
    }

    private void WriteEvent(FeedItem item, string cursor)
    {
        Put("id: "u8, Encoding.ASCII.GetBytes(cursor), "\ndata: "u8);
        Put(_line.Of(json => JsonShapes.FeedChange(json, item.Change!, item.Shard!.Value, cursor)), "\n\n"u8);
    }

    private void Put(ReadOnlySpan<byte> first, ReadOnlySpan<byte> second = default, ReadOnlySpan<byte> third = default)
    {
        var body = context.Response.BodyWriter;
        body.Write(first);
        body.Write(second);
        body.Write(third);
        _unflushed += first.Length + second.Length + third.Length;
    }
}
