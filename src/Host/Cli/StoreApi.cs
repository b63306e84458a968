using System.CommandLine;
using System.Net;
using System.Runtime.CompilerServices;
using System.Text.Json;
using EntityActors.Host.Http;
using EntityActors.Storage.Model;

namespace EntityActors.Host.Cli;

/// <summary>A running store as the commands use it: bounded retries while it is busy, problems as <see cref="ApiFailure"/>.</summary>
internal sealed class StoreApi : IDisposable
{
    /// <summary>Tries of one request, the first included. Safe for writes, too: a request keeps its Idempotency-Key over all tries.</summary>
    public const int TryCountMax = 8;

    /// <summary>To the beginning of the answer; 1 GiB of content has to be sent within it.</summary>
    private static readonly TimeSpan RequestTimeout = TimeSpan.FromMinutes(30);
    private static readonly TimeSpan RetryDelayDefault = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan RetryDelayMax = TimeSpan.FromSeconds(10);

    // Content of any depth that the store takes, inside a page of entities.
    private static readonly JsonDocumentOptions Json = new() { MaxDepth = 128 };

    private readonly HttpClient _http;
    private readonly Uri _server;
    private readonly ApiSession _session;

    private StoreApi(Uri server, StoreCredentials credentials)
    {
        _server = server;
        var handler = new SocketsHttpHandler { UseProxy = false, AllowAutoRedirect = false, SslOptions = credentials.TlsOptions() };
        _http = new HttpClient(handler) { BaseAddress = server, Timeout = RequestTimeout };
        _session = new ApiSession(_http, server, credentials);
    }

    public static Option<string?> ServerOption { get; } = new("--server")
    {
        Description = "Address of the running store (ENTITYACTORS_SERVER, default http://127.0.0.1:8085)", HelpName = "url",
    };

    public static Option<string> DatasetOption { get; } = new("--dataset")
    {
        Description = "Dataset", DefaultValueFactory = _ => "default", HelpName = "name",
    };

    public static Option<bool> JsonOption { get; } = new("--json") { Description = "Answer as the JSON of the HTTP interface" };

    /// <exception cref="UsageException">The address is none.</exception>
    public static StoreApi For(ParseResult result)
    {
        var environment = new ConfigurationBuilder().AddEnvironmentVariables("ENTITYACTORS_").Build();
        return At(result.GetValue(ServerOption) ?? environment["SERVER"] ?? "http://127.0.0.1:8085", StoreCredentials.From(result));
    }

    /// <exception cref="UsageException">The address is none.</exception>
    public static StoreApi At(string text, StoreCredentials credentials)
    {
        var isAddress = Uri.TryCreate(text, UriKind.Absolute, out var server) && server.Scheme is "http" or "https" && server.AbsolutePath == "/";
        return isAddress ? new StoreApi(server!, credentials) : throw new UsageException($"--server is an address like http://127.0.0.1:8085, not '{text}'");
    }

    /// <exception cref="UsageException">They name no entity.</exception>
    public static string EntityPath(ParseResult result, string id)
    {
        var dataset = result.GetRequiredValue(DatasetOption);
        if ((EntityKey.Problem(dataset, id) ?? RequestTarget.IdProblem(id)) is { } problem) throw new UsageException(problem);
        return $"/v1/datasets/{dataset}/entities/{Uri.EscapeDataString(id)}";
    }

    /// <exception cref="UsageException">It is no dataset's name.</exception>
    public static string DatasetPath(ParseResult result)
    {
        var dataset = result.GetRequiredValue(DatasetOption);
        return EntityKey.Problem(dataset, "x") is { } problem ? throw new UsageException(problem) : $"/v1/datasets/{dataset}";
    }

    public Task<byte[]> GetAsync(string target, CancellationToken cancellation) => SendAsync(HttpMethod.Get, target, null, [], cancellation);

    /// <summary>Sends a request until it is answered by something else than "busy" or "unavailable", or the tries are used up.</summary>
    /// <exception cref="ApiFailure">It was refused, or nobody answers.</exception>
    public async Task<byte[]> SendAsync(HttpMethod method, string target, ApiBody? body, IReadOnlyList<(string Name, string Value)> headers,
        CancellationToken cancellation)
    {
        for (var attempt = 1; ; attempt++)
        {
            using var request = new HttpRequestMessage(method, new Uri(_server, target));
            if (body is not null) request.Content = body.ToHttpContent();
            foreach (var (name, value) in headers) request.Headers.TryAddWithoutValidation(name, value);
            var token = _session.AddTo(request);
            using var answer = await TryAsync(request, cancellation);
            var bytes = await ReadAsync(answer, cancellation);
            if (answer.IsSuccessStatusCode) return bytes;
            if (answer.StatusCode == HttpStatusCode.Unauthorized && await _session.TryBeginAsync(token, cancellation)) continue;
            if (attempt == TryCountMax || !IsWorthWaiting(answer.StatusCode)) throw ApiFailure.Of(answer.StatusCode, bytes);
            await WaitAsync(answer, cancellation);
        }
    }

    /// <summary>A page of a list and, when asked for, all that follow it.</summary>
    /// <param name="target">Path and query without a cursor.</param>
    public async IAsyncEnumerable<byte[]> PagesAsync(string target, string? cursor, bool all, [EnumeratorCancellation] CancellationToken cancellation)
    {
        while (true)
        {
            var page = await GetAsync(cursor is null ? target : $"{target}&cursor={Uri.EscapeDataString(cursor)}", cancellation);
            yield return page;
            using var json = Parse(page);
            cursor = json.RootElement.TryGetProperty("cursor", out var next) ? next.GetString() : null;
            if (cursor is null || !all) yield break;
        }
    }

    /// <summary>The lines of an answer that goes on until the store ends it. Each is valid until the next.</summary>
    /// <param name="silenceMax">Longest time without a line after which the connection is taken for dead.</param>
    /// <exception cref="ApiFailure">It was refused, nobody answers, or the connection broke.</exception>
    public async IAsyncEnumerable<ReadOnlyMemory<byte>> LinesAsync(
        string target, int lineBytesMax, TimeSpan silenceMax, [EnumeratorCancellation] CancellationToken cancellation)
    {
        using var answer = await OpenAsync(target, cancellation);
        if (!answer.IsSuccessStatusCode) throw ApiFailure.Of(answer.StatusCode, await ReadAsync(answer, cancellation));
        await using var body = await answer.Content.ReadAsStreamAsync(cancellation);
        var lines = new NdjsonReader(body, lineBytesMax);
        while (await LineAsync(lines, silenceMax, cancellation) is { } line) yield return line.Bytes;
    }

    /// <inheritdoc cref="ApiSession.LoginAsync(CancellationToken)"/>
    public Task<string> LoginAsync(CancellationToken cancellation) => _session.LoginAsync(cancellation);

    /// <summary>An answer whose body is yet to be read, with <see cref="ReadAsync(Stream, Memory{byte}, CancellationToken)"/>.</summary>
    /// <exception cref="ApiFailure">It was refused, or nobody answers.</exception>
    public async Task<HttpResponseMessage> ReceiveAsync(string target, CancellationToken cancellation)
    {
        for (var attempt = 1; ; attempt++)
        {
            var answer = await OpenAsync(target, cancellation);
            if (answer.IsSuccessStatusCode) return answer;
            using (answer)
            {
                var bytes = await ReadAsync(answer, cancellation);
                if (attempt == TryCountMax || !IsWorthWaiting(answer.StatusCode)) throw ApiFailure.Of(answer.StatusCode, bytes);
                await WaitAsync(answer, cancellation);
            }
        }
    }

    /// <exception cref="ApiFailure">The connection broke, or the store cut the answer off.</exception>
    public async Task<int> ReadAsync(Stream body, Memory<byte> piece, CancellationToken cancellation)
    {
        try
        {
            return await body.ReadAsync(piece, cancellation);
        }
        catch (Exception cause) when (cause is HttpRequestException or IOException)
        {
            throw ApiFailure.Unreachable(_server, cause);
        }
    }

    /// <exception cref="ApiFailure">Whoever answered is no store.</exception>
    public JsonDocument Parse(byte[] answer)
    {
        try
        {
            return JsonDocument.Parse(answer, Json);
        }
        catch (JsonException cause)
        {
            throw new ApiFailure(ExitCode.Unavailable, $"{_server} does not answer like a store: {cause.Message}");
        }
    }

    public void Dispose()
    {
        _session.Dispose();
        _http.Dispose();
    }

    /// <summary>"Outcome unknown" too: the same Idempotency-Key settles it.</summary>
    private static bool IsWorthWaiting(HttpStatusCode status) =>
        status is HttpStatusCode.TooManyRequests or HttpStatusCode.ServiceUnavailable or HttpStatusCode.GatewayTimeout;

    /// <summary>The head of an answer, asked for with a token once the store wants one.</summary>
    private async Task<HttpResponseMessage> OpenAsync(string target, CancellationToken cancellation)
    {
        while (true)
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(_server, target));
            var token = _session.AddTo(request);
            var answer = await TryAsync(request, cancellation);
            if (answer.StatusCode != HttpStatusCode.Unauthorized) return answer;
            if (!await _session.TryBeginAsync(token, cancellation)) return answer;
            answer.Dispose();
        }
    }

    private static Task WaitAsync(HttpResponseMessage answer, CancellationToken cancellation)
    {
        var delay = answer.Headers.RetryAfter?.Delta ?? RetryDelayDefault;
        return Task.Delay(delay < RetryDelayMax ? delay : RetryDelayMax, TimeProvider.System, cancellation);
    }

    private async Task<HttpResponseMessage> TryAsync(HttpRequestMessage request, CancellationToken cancellation)
    {
        try
        {
            return await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellation);
        }
        catch (Exception cause) when (cause is HttpRequestException or OperationCanceledException && !cancellation.IsCancellationRequested)
        {
            throw ApiFailure.Unreachable(_server, cause);
        }
    }

    private async Task<NdjsonLine?> LineAsync(NdjsonReader lines, TimeSpan silenceMax, CancellationToken cancellation)
    {
        using var silence = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        silence.CancelAfter(silenceMax);
        try
        {
            var line = await lines.ReadAsync(silence.Token);
            return line is { IsTooLong: true } ? throw new ApiFailure(ExitCode.Unavailable, $"{_server} does not answer like a store: an endless line") : line;
        }
        catch (Exception cause) when (cause is HttpRequestException or IOException or OperationCanceledException && !cancellation.IsCancellationRequested)
        {
            throw ApiFailure.Unreachable(_server, cause);
        }
    }

    private async Task<byte[]> ReadAsync(HttpResponseMessage answer, CancellationToken cancellation)
    {
        try
        {
            return await answer.Content.ReadAsByteArrayAsync(cancellation);
        }
        catch (Exception cause) when (cause is HttpRequestException or IOException)
        {
            throw ApiFailure.Unreachable(_server, cause);
        }
    }
}

/// <summary>A body that can be sent again.</summary>
internal sealed record ApiBody(ReadOnlyMemory<byte> Bytes, string ContentType)
{
    /// <summary>Opens what is sent instead of the bytes, once for each try.</summary>
    public Func<Stream>? Open { get; init; }

    public HttpContent ToHttpContent()
    {
        HttpContent content = Open is null ? new ReadOnlyMemoryContent(Bytes) : new StreamContent(Open());
        if (!content.Headers.TryAddWithoutValidation("Content-Type", ContentType))
            throw new UsageException($"'{ContentType}' is not a content type");
        return content;
    }
}
