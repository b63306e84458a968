using EntityActors.Tests.Shared.Http;
using EntityActors.Tests.Shared.Model;

namespace EntityActors.Chaos.Clients;

/// <summary>A node's HTTP interface. One try per call: retries are the client's, so that each is recorded.</summary>
public sealed class HttpConnection(StoreHttp http, string dataset) : IStoreConnection, IDisposable
{
    public StoreHttp Http => http;

    public Task<WriteAnswer> WriteAsync(Operation operation) => CallAsync(() => operation.SendAsync(http, dataset));

    public Task<EntityShape?> GetAsync(string id, long? asOf) => CallAsync(() => http.GetAsync(dataset, id, asOf));

    public Task<IReadOnlyList<EntityShape>> FindAsync(string tag, long? asOf) =>
        CallAsync<IReadOnlyList<EntityShape>>(async () => await http.QueryAsync(dataset, [tag], asOf));

    public void Dispose() => http.Dispose();

    private static async Task<T> CallAsync<T>(Func<Task<T>> call)
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
            throw new ConnectionLostException(cause.Message, cause.HttpRequestError != HttpRequestError.ConnectionError, cause);
        }
        catch (Exception cause) when (cause is IOException or OperationCanceledException or ObjectDisposedException)
        {
            throw new ConnectionLostException(cause.Message, wasSent: true, cause);
        }
    }
}
