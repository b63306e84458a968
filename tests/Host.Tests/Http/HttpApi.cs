using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;

namespace EntityActors.Host.Tests.Http;

/// <summary>An answer, read to its end.</summary>
public sealed record HttpAnswer(int Status, string? ContentType, byte[] Bytes, IReadOnlyDictionary<string, string> Headers)
{
    public string Body => Encoding.UTF8.GetString(Bytes);

    public JsonElement Json => JsonDocument.Parse(Bytes).RootElement;

    /// <summary>Of a problem, or of an error as EntityDB's clients get it.</summary>
    public string? Code => ContentType == "application/problem+json" || (ContentType == "application/json" && Status >= 400)
        ? Json.GetProperty("code").GetString()
        : null;

    public override string ToString() => $"{Status} {ContentType} {Body}";
}

/// <summary>Requests with any method, body and headers. Thread-safe.</summary>
public sealed class HttpApi(HttpClient http)
{
    public Task<HttpAnswer> GetAsync(string path, params string[] headers) => SendAsync("GET", path, (string?)null, headers);

    /// <param name="json">Body of type application/json, unless a header names another type.</param>
    /// <param name="headers">Each as <c>Name: value</c>.</param>
    public Task<HttpAnswer> SendAsync(string method, string path, string? json, params string[] headers) =>
        SendAsync(method, path, json is null ? null : Encoding.UTF8.GetBytes(json), headers);

    public async Task<HttpAnswer> SendAsync(string method, string path, byte[]? body, string[] headers)
    {
        using var request = new HttpRequestMessage(new HttpMethod(method), new Uri(path, UriKind.Relative));
        if (body is not null)
        {
            request.Content = new ByteArrayContent(body);
            request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        }

        foreach (var header in headers)
        {
            var (name, value) = (header[..header.IndexOf(':')], header[(header.IndexOf(':') + 1)..].Trim());
            if (request.Content is not null && name.StartsWith("Content-", StringComparison.Ordinal))
            {
                request.Content.Headers.Remove(name);
                request.Content.Headers.TryAddWithoutValidation(name, value);
            }
            else
            {
                request.Headers.TryAddWithoutValidation(name, value);
            }
        }

        using var answer = await http.SendAsync(request);
        var all = answer.Headers.Concat(answer.Content.Headers).ToDictionary(
            header => header.Key, header => string.Join(", ", header.Value), StringComparer.OrdinalIgnoreCase);
        return new HttpAnswer((int)answer.StatusCode, answer.Content.Headers.ContentType?.MediaType, await answer.Content.ReadAsByteArrayAsync(), all);
    }
}
