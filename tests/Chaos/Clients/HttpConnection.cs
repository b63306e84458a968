using System.Runtime.CompilerServices;
using System.Text.Json;
using EntityActors.Chaos.Feeds;
using EntityActors.Tests.Shared.Http;
using EntityActors.Tests.Shared.Model;

namespace EntityActors.Chaos.Clients;

/// <summary>A node's HTTP interface. One try per call: retries are the client's, so that each is recorded.</summary>
public sealed class HttpConnection(StoreHttp http, string dataset) : IStoreConnection, IFeedSource, IDisposable
{
    public StoreHttp Http => http;

    public Task<WriteAnswer> WriteAsync(Operation operation) =>
        CallAsync(() => operation.SendAsync(http, dataset), neverResent: operation.Kind is not (OperationKind.Delete or OperationKind.Restore));

    public Task<EntityShape?> GetAsync(string id, long? asOf) => CallAsync(() => http.GetAsync(dataset, id, asOf));

    public Task<IReadOnlyList<EntityShape>> FindAsync(string tag, long? asOf) =>
        CallAsync<IReadOnlyList<EntityShape>>(async () => await http.QueryAsync(dataset, [tag], asOf));

    public async IAsyncEnumerable<FeedChange> FollowAsync(string? cursor, [EnumeratorCancellation] CancellationToken cancellation)
    {
        var path = $"/v1/datasets/{dataset}/changes" + (cursor is null ? "" : $"?since={cursor}");
        using var answer = await CallAsync(() => http.Raw.GetAsync(new Uri(path, UriKind.Relative), HttpCompletionOption.ResponseHeadersRead, cancellation));
        if (!answer.IsSuccessStatusCode)
            throw new NotAnsweredException((int)answer.StatusCode, await CallAsync(() => answer.Content.ReadAsStringAsync(cancellation)), null);
        using var reader = new StreamReader(await CallAsync(() => answer.Content.ReadAsStreamAsync(cancellation)));
        while (await CallAsync(() => reader.ReadLineAsync(cancellation).AsTask()) is { } line)
        {
            if (line.Length == 0) continue;
            using var json = JsonDocument.Parse(line);
            var change = json.RootElement;
            if (change.TryGetProperty("code", out var code))
                throw new NotAnsweredException(code.GetString() == "unavailable" ? 503 : 0, line, null);
            yield return new FeedChange(change.GetProperty("id").GetString()!, change.GetProperty("revision").GetInt64(), Time("at"), Time("recordedAt"),
                change.GetProperty("shard").GetInt32(), change.GetProperty("sequence").GetInt64(), change.GetProperty("cursor").GetString()!);

            long Time(string name) => Rfc3339.Parse(change.GetProperty(name).GetString()!);
        }
    }

    public void Dispose() => http.Dispose();

    /// <param name="neverResent">False where .NET sends again by itself: a request without a body whose kept connection ended before an answer.
    /// A refused connection then says nothing about the first sending.</param>
    private static async Task<T> CallAsync<T>(Func<Task<T>> call, bool neverResent = false)
    {
        try
        {
            return await call();
        }
        catch (HttpRequestException cause) when (cause.StatusCode is { } status)
        {
            throw new NotAnsweredException((int)status, cause.Message, cause);
        }
        catch (HttpRequestException cause)
        {
            throw new ConnectionLostException(cause.Message, !neverResent || cause.HttpRequestError != HttpRequestError.ConnectionError, cause);
        }
        catch (Exception cause) when (cause is IOException or OperationCanceledException or ObjectDisposedException)
        {
            throw new ConnectionLostException(cause.Message, wasSent: true, cause);
        }
    }
}
