using System.Collections.Concurrent;
using System.Text.Json;
using EntityActors.Tests.Shared;

namespace EntityActors.Cluster.Tests.Feeds;

/// <summary>Follows a feed over HTTP through everything that happens to its server, and now and then drops the connection by itself.</summary>
/// <param name="address">Where to connect next; null when there is nobody now.</param>
/// <param name="isEvents">Server-sent events, resumed by their last id; otherwise lines, resumed by the last cursor.</param>
internal sealed class FeedWatcher(Func<Uri?> address, string dataset, bool isEvents, long seed) : IAsyncDisposable
{
    private const int LinesOfAConnectionMax = 4_000;
    private static readonly TimeSpan RetryPause = TimeSpan.FromMilliseconds(20);

    private readonly ConcurrentQueue<FeedLine> _given = new();
    private readonly CancellationTokenSource _stop = new();
    private readonly Random _random = SeedSource.For(seed, isEvents ? 1 : 2);
    private Task _watching = Task.CompletedTask;
    private string? _cursor;

    public string Name => isEvents ? "events" : "lines";

    public IReadOnlyCollection<FeedLine> Given => _given;

    /// <summary>Connections that the server accepted.</summary>
    public int ConnectionCount { get; private set; }

    /// <summary>Why the last connection ended, for failure messages.</summary>
    public string LastEnd { get; private set; } = "";

    public void Start() => _watching = Task.Run(WatchAsync);

    /// <summary>Throws what ended it before its time.</summary>
    public void ThrowIfEnded()
    {
        if (_watching.IsCompleted) _watching.GetAwaiter().GetResult();
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _watching.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _stop.Dispose();
    }

    private async Task WatchAsync()
    {
        using var http = new HttpClient { Timeout = TimeSpan.FromSeconds(15) };
        while (!_stop.IsCancellationRequested)
        {
            try
            {
                if (address() is { } server) await ReadConnectionAsync(http, server);
                LastEnd = "ended by the server, or by the watcher";
            }
            catch (Exception cause) when (cause is HttpRequestException or IOException or OperationCanceledException)
            {
                // Killed, stopped, or not listening yet.
                LastEnd = cause.Message;
            }

            await Task.Delay(RetryPause, _stop.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private async Task ReadConnectionAsync(HttpClient http, Uri server)
    {
        var since = _cursor is null || isEvents ? "" : $"?since={_cursor}";
        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(server, $"/v1/datasets/{dataset}/changes{since}"));
        if (isEvents)
        {
            request.Headers.Accept.ParseAdd("text/event-stream");
            if (_cursor is not null) request.Headers.Add("Last-Event-ID", _cursor);
        }

        using var answer = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, _stop.Token);
        // Not all shards may be there yet.
        if ((int)answer.StatusCode is 429 or >= 500) return;
        if (!answer.IsSuccessStatusCode) throw new InvalidOperationException($"{answer.StatusCode}: {await answer.Content.ReadAsStringAsync(_stop.Token)}");
        ConnectionCount++;
        using var reader = new StreamReader(await answer.Content.ReadAsStreamAsync(_stop.Token));
        var left = _random.Next(1, LinesOfAConnectionMax);
        string? id = null;
        while (left-- > 0 && await reader.ReadLineAsync(_stop.Token) is { } line)
        {
            if (isEvents && line.StartsWith("event: error", StringComparison.Ordinal)) continue;
            // An event counts once it is complete: until then a connection that ends goes on before it.
            if (isEvents && line.StartsWith("id: ", StringComparison.Ordinal)) id = line["id: ".Length..];
            else if (isEvents && line.Length == 0) _cursor = id ?? _cursor;
            var data = isEvents ? line.StartsWith("data: ", StringComparison.Ordinal) ? line["data: ".Length..] : "" : line;
            if (data.Length > 0 && !Take(data)) return;
        }
    }

    /// <returns>False when the feed has failed for now.</returns>
    private bool Take(string data)
    {
        using var json = JsonDocument.Parse(data);
        if (json.RootElement.TryGetProperty("code", out var code))
            return code.GetString() == "unavailable" ? false : throw new InvalidOperationException($"the feed failed: {data}");
        var line = FeedLine.OfFeed(json.RootElement);
        _given.Enqueue(line);
        _cursor = line.Cursor;
        return true;
    }
}
