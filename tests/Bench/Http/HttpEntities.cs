using System.Net;
using System.Net.Http.Headers;
using System.Text.Json;
using EntityActors.Bench.Stores;

namespace EntityActors.Bench.Http;

/// <summary>Entities of one server over HTTP/1.1: a fixed number of connections that stay open. Thread-safe.</summary>
internal sealed class HttpEntities : IDisposable
{
    private const string Collection = "/v1/datasets/bench/entities/";
    private static readonly MediaTypeHeaderValue Json = new("application/json");
    private readonly HttpClient _http;

    public HttpEntities(Uri address, int connections)
    {
        var handler = new SocketsHttpHandler { MaxConnectionsPerServer = connections, UseProxy = false, UseCookies = false };
        _http = new HttpClient(handler) { BaseAddress = address, DefaultRequestVersion = HttpVersion.Version11 };
    }

    /// <summary>What <see cref="PutAsync"/> sends.</summary>
    public static byte[] BodyOf(BenchEntity entity) =>
        JsonSerializer.SerializeToUtf8Bytes(new { tags = entity.Tags, content = System.Text.Encoding.ASCII.GetString(entity.Content.Span) });

    /// <param name="isNew">Whether the entity must not have been there before, or must have been.</param>
    /// <exception cref="InvalidDataException">Another answer than that.</exception>
    public async Task<byte[]> PutAsync(string id, byte[] body, bool isNew)
    {
        using var content = new ByteArrayContent(body);
        content.Headers.ContentType = Json;
        using var answer = await _http.PutAsync(UriOf(id), content);
        return await BytesAsync(answer, isNew ? HttpStatusCode.Created : HttpStatusCode.OK);
    }

    /// <exception cref="InvalidDataException">There is no such entity.</exception>
    public async Task<byte[]> GetAsync(string id)
    {
        using var answer = await _http.GetAsync(UriOf(id));
        return await BytesAsync(answer, HttpStatusCode.OK);
    }

    public void Dispose() => _http.Dispose();

    private static Uri UriOf(string id) => new(Collection + id, UriKind.Relative);

    private static async Task<byte[]> BytesAsync(HttpResponseMessage answer, HttpStatusCode expected)
    {
        var bytes = await answer.Content.ReadAsByteArrayAsync();
        if (answer.StatusCode == expected) return bytes;
        throw new InvalidDataException($"{answer.RequestMessage}: {(int)answer.StatusCode} {System.Text.Encoding.UTF8.GetString(bytes)}");
    }
}
