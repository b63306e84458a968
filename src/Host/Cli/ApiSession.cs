using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;

namespace EntityActors.Host.Cli;

/// <summary>The session of one command. It begins when the store asks for a token, and ends with the command.</summary>
internal sealed class ApiSession(HttpClient http, Uri server, StoreCredentials credentials) : IDisposable
{
    private static readonly TimeSpan LogoutTimeout = TimeSpan.FromSeconds(5);
    private readonly SemaphoreSlim _gate = new(1, 1);
    private volatile string? _own;

    private string? Token => credentials.Token ?? _own;

    /// <returns>The token that was added, to be given back when the store does not take it; null when there is none yet.</returns>
    public string? AddTo(HttpRequestMessage request)
    {
        var token = Token;
        if (token is not null) request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
        return token;
    }

    /// <summary>After a request was refused for want of a session.</summary>
    /// <param name="refused">What it was sent with.</param>
    /// <returns>Whether it is worth sending again.</returns>
    /// <exception cref="ApiFailure">The login was refused.</exception>
    public async Task<bool> TryBeginAsync(string? refused, CancellationToken cancellation)
    {
        if (credentials.Token is not null) return false;
        await _gate.WaitAsync(cancellation);
        try
        {
            // Somebody else has logged in meanwhile.
            if (_own != refused) return true;
            if (refused is not null || credentials.Login(server) is not { } login) return false;
            _own = await LoginAsync(login.User, login.Password, cancellation);
            return true;
        }
        finally
        {
            _gate.Release();
        }
    }

    /// <summary>A session that goes on after the command.</summary>
    /// <exception cref="ApiFailure">It was refused, or nobody answers.</exception>
    /// <exception cref="UsageException">Nobody is named.</exception>
    public async Task<string> LoginAsync(CancellationToken cancellation)
    {
        var (user, password) = credentials.Login(server)
            ?? throw new UsageException("name a user with --user, or the data directory of a store on this machine with --data");
        return await LoginAsync(user, password, cancellation);
    }

    public void Dispose()
    {
        if (_own is { } token) End(token);
        _gate.Dispose();
    }

    private async Task<string> LoginAsync(string user, string password, CancellationToken cancellation)
    {
        var body = JsonSerializer.SerializeToUtf8Bytes(new { username = user, password }, JsonSerializerOptions.Web);
        for (var attempt = 1; ; attempt++)
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, new Uri(server, "/v1/sessions")) { Content = new ByteArrayContent(body) };
            request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
            var (status, answer, delay) = await SendAsync(request, cancellation);
            if ((int)status == StatusCodes.Status200OK) return TokenOf(answer);
            var isClosed = Encoding.UTF8.GetString(answer).Contains("\"locked_out\"", StringComparison.Ordinal);
            var isWorthWaiting = (int)status is 429 or 503 or 504 && !isClosed;
            if (attempt == StoreApi.TryCountMax || !isWorthWaiting) throw ApiFailure.Of(status, answer);
            await Task.Delay(delay, TimeProvider.System, cancellation);
        }
    }

    private async Task<(System.Net.HttpStatusCode Status, byte[] Answer, TimeSpan Delay)> SendAsync(HttpRequestMessage request, CancellationToken cancellation)
    {
        try
        {
            using var answer = await http.SendAsync(request, cancellation);
            var bytes = await answer.Content.ReadAsByteArrayAsync(cancellation);
            return (answer.StatusCode, bytes, answer.Headers.RetryAfter?.Delta ?? TimeSpan.FromSeconds(1));
        }
        catch (Exception cause) when (cause is HttpRequestException or OperationCanceledException && !cancellation.IsCancellationRequested)
        {
            throw ApiFailure.Unreachable(server, cause);
        }
    }

    private string TokenOf(byte[] answer)
    {
        try
        {
            using var json = JsonDocument.Parse(answer);
            return json.RootElement.GetProperty("token").GetString()!;
        }
        catch (Exception cause) when (cause is JsonException or KeyNotFoundException or InvalidOperationException)
        {
            throw new ApiFailure(ExitCode.Unavailable, $"{server} does not answer like a store");
        }
    }

    /// <summary>A session that is not ended here is over when its time is.</summary>
    private void End(string token)
    {
        using var limit = new CancellationTokenSource(LogoutTimeout);
        using var request = new HttpRequestMessage(HttpMethod.Delete, new Uri(server, "/v1/sessions"));
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
        try
        {
            http.Send(request, limit.Token).Dispose();
        }
        catch (Exception cause) when (cause is HttpRequestException or OperationCanceledException)
        {
            // The store is gone, or busy with something else.
        }
    }
}
