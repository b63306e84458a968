using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace EntityActors.Tests.Shared.Http;

/// <summary>The HTTP contract as a test speaks it: raw requests, strict shapes, no retries, no product code. Thread-safe.</summary>
public sealed class StoreHttp : IDisposable
{
    public const int PageLimit = 1_000;
    private const string Json = "application/json";
    private readonly HttpClient _http;

    /// <param name="connect">How a connection is made, when the address cannot be reached from here as it is; null for the usual way.</param>
    public StoreHttp(Uri baseAddress, TimeSpan? timeout = null,
        Func<SocketsHttpConnectionContext, CancellationToken, ValueTask<Stream>>? connect = null)
    {
        var handler = new SocketsHttpHandler { MaxConnectionsPerServer = 256, UseProxy = false, ConnectCallback = connect };
        _http = new HttpClient(handler) { BaseAddress = baseAddress, Timeout = timeout ?? TimeSpan.FromSeconds(60) };
    }

    public HttpClient Raw => _http;

    public Task<WriteAnswer> PutAsync(string dataset, string id, IEnumerable<string> tags, string? contentJson, WriteConditions? conditions = null)
    {
        var body = new JsonObject { ["tags"] = TagArray(tags) };
        if (contentJson is not null) body["content"] = JsonNode.Parse(contentJson);
        return WriteAsync(HttpMethod.Put, EntityPath(dataset, id), JsonBody(body), conditions);
    }

    public Task<WriteAnswer> PatchTagsAsync(string dataset, string id, IEnumerable<string> add, IEnumerable<string> remove,
        WriteConditions? conditions = null) =>
        WriteAsync(HttpMethod.Patch, EntityPath(dataset, id) + "/tags",
            JsonBody(new JsonObject { ["add"] = TagArray(add), ["remove"] = TagArray(remove) }), conditions);

    public Task<WriteAnswer> PutContentAsync(string dataset, string id, byte[] bytes, string contentType, WriteConditions? conditions = null)
    {
        var body = new ByteArrayContent(bytes);
        body.Headers.ContentType = MediaTypeHeaderValue.Parse(contentType);
        return WriteAsync(HttpMethod.Put, EntityPath(dataset, id) + "/content", body, conditions);
    }

    public Task<WriteAnswer> DeleteAsync(string dataset, string id, WriteConditions? conditions = null) =>
        WriteAsync(HttpMethod.Delete, EntityPath(dataset, id), null, conditions);

    public Task<WriteAnswer> RestoreAsync(string dataset, string id, WriteConditions? conditions = null) =>
        WriteAsync(HttpMethod.Post, EntityPath(dataset, id) + "/restore", null, conditions);

    /// <summary>Null for 404.</summary>
    public async Task<EntityShape?> GetAsync(string dataset, string id, long? asOf = null)
    {
        var path = EntityPath(dataset, id) + (asOf is null ? "" : $"?asOf={Rfc3339.Format(asOf.Value)}");
        using var json = await ReadAsync(path, allowNotFound: true);
        return json is null ? null : ShapeParser.Entity(json.RootElement);
    }

    /// <summary>All changes, page by page, oldest first.</summary>
    public async Task<List<ChangeShape>> HistoryAsync(string dataset, string id, long? from = null, int pageLimit = PageLimit)
    {
        var changes = new List<ChangeShape>();
        string? cursor = null;
        do
        {
            var path = EntityPath(dataset, id) + $"/history?limit={pageLimit}"
                + (from is null ? "" : $"&from={Rfc3339.Format(from.Value)}") + Cursor(cursor);
            using var json = await ReadAsync(path, allowNotFound: true);
            if (json is null) return changes;
            changes.AddRange(json.RootElement.GetProperty("items").EnumerateArray().Select(ShapeParser.Change));
            cursor = ShapeParser.Text(json.RootElement, "cursor");
        }
        while (cursor is not null);
        return changes;
    }

    public async Task<DiffShape> DiffAsync(string dataset, string id, long from, long to)
    {
        var path = EntityPath(dataset, id) + $"/diff?from={Rfc3339.Format(from)}&to={Rfc3339.Format(to)}";
        using var json = await ReadAsync(path, allowNotFound: false);
        return ShapeParser.Diff(json!.RootElement);
    }

    public async Task<PageShape> QueryPageAsync(string dataset, IEnumerable<string> tags, long? asOf, int limit, string? cursor, bool count)
    {
        var path = new StringBuilder($"/v1/datasets/{Escape(dataset)}/entities?limit={limit}");
        foreach (var tag in tags) path.Append("&tag=").Append(Escape(tag));
        if (asOf is { } at) path.Append("&asOf=").Append(Rfc3339.Format(at));
        if (count) path.Append("&count=true");
        path.Append(Cursor(cursor));
        using var json = await ReadAsync(path.ToString(), allowNotFound: false);
        return ShapeParser.Page(json!.RootElement);
    }

    /// <summary>Every match, page by page, in the order of the answer.</summary>
    public async Task<List<EntityShape>> QueryAsync(string dataset, IEnumerable<string> tags, long? asOf = null, int pageLimit = PageLimit)
    {
        var items = new List<EntityShape>();
        string? cursor = null;
        do
        {
            var page = await QueryPageAsync(dataset, tags, asOf, pageLimit, cursor, count: false);
            items.AddRange(page.Items);
            cursor = page.Cursor;
        }
        while (cursor is not null);
        return items;
    }

    public async Task<long> CountAsync(string dataset, IEnumerable<string> tags, long? asOf = null) =>
        (await QueryPageAsync(dataset, tags, asOf, 1, null, count: true)).Total ?? throw new InvalidDataException("no total");

    /// <summary>Tag values with counts, in the order of the answer.</summary>
    public async Task<List<KeyValuePair<string, long>>> TagsAsync(string dataset, string prefix, long? asOf = null)
    {
        var tags = new List<KeyValuePair<string, long>>();
        string? cursor = null;
        do
        {
            var path = $"/v1/datasets/{Escape(dataset)}/tags?prefix={Escape(prefix)}"
                + (asOf is null ? "" : $"&asOf={Rfc3339.Format(asOf.Value)}") + Cursor(cursor);
            using var json = await ReadAsync(path, allowNotFound: false);
            tags.AddRange(json!.RootElement.GetProperty("items").EnumerateArray().Select(item =>
                KeyValuePair.Create(item.GetProperty("tag").GetString()!, item.GetProperty("count").GetInt64())));
            cursor = ShapeParser.Text(json.RootElement, "cursor");
        }
        while (cursor is not null);
        return tags;
    }

    public async Task<ImportShape> ImportAsync(string dataset, Stream ndjson)
    {
        using var body = new StreamContent(ndjson);
        body.Headers.ContentType = new MediaTypeHeaderValue("application/x-ndjson");
        using var answer = await _http.PostAsync(new Uri($"/v1/datasets/{Escape(dataset)}/import", UriKind.Relative), body);
        var text = await answer.Content.ReadAsStringAsync();
        if (!answer.IsSuccessStatusCode) throw new HttpRequestException($"import: {(int)answer.StatusCode} {text}", null, answer.StatusCode);
        using var json = JsonDocument.Parse(text);
        return ShapeParser.Import(json.RootElement);
    }

    public async Task<int> StatusAsync(string path)
    {
        using var answer = await _http.GetAsync(new Uri(path, UriKind.Relative));
        await answer.Content.LoadIntoBufferAsync();
        return (int)answer.StatusCode;
    }

    public void Dispose() => _http.Dispose();

    public static string EntityPath(string dataset, string id) => $"/v1/datasets/{Escape(dataset)}/entities/{Escape(id)}";

    private async Task<WriteAnswer> WriteAsync(HttpMethod method, string path, HttpContent? body, WriteConditions? conditions)
    {
        using var request = new HttpRequestMessage(method, path) { Content = body };
        if (conditions?.IfMatch is { } revision) request.Headers.TryAddWithoutValidation("If-Match", $"\"{revision}\"");
        if (conditions?.IfAbsent == true) request.Headers.TryAddWithoutValidation("If-None-Match", "*");
        if (conditions?.CommandId is { } command) request.Headers.TryAddWithoutValidation("Idempotency-Key", command.ToString());
        using var answer = await _http.SendAsync(request);
        var text = await answer.Content.ReadAsStringAsync();
        var status = (int)answer.StatusCode;
        var isProblem = answer.Content.Headers.ContentType?.MediaType == "application/problem+json";
        using var json = text.Length == 0 ? null : JsonDocument.Parse(text);
        return new WriteAnswer(status,
            status is 200 or 201 ? ShapeParser.Commit(json!.RootElement) : null,
            isProblem ? ShapeParser.Problem(json!.RootElement) : null,
            answer.Headers.ETag?.ToString(), text);
    }

    private async Task<JsonDocument?> ReadAsync(string path, bool allowNotFound)
    {
        using var answer = await _http.GetAsync(new Uri(path, UriKind.Relative));
        var text = await answer.Content.ReadAsStringAsync();
        if ((int)answer.StatusCode == 404 && allowNotFound) return null;
        if (!answer.IsSuccessStatusCode) throw new HttpRequestException($"GET {path}: {(int)answer.StatusCode} {text}", null, answer.StatusCode);
        return JsonDocument.Parse(text);
    }

    private static string Cursor(string? cursor) => cursor is null ? "" : "&cursor=" + Escape(cursor);

    private static string Escape(string text) => Uri.EscapeDataString(text);

    private static JsonArray TagArray(IEnumerable<string> tags) => [.. tags.Select(tag => (JsonNode?)JsonValue.Create(tag))];

    private static StringContent JsonBody(JsonNode body) => new(body.ToJsonString(), Encoding.UTF8, Json);
}
