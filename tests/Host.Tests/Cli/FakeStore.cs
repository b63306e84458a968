using System.Collections.Concurrent;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace EntityActors.Host.Tests.Cli;

/// <summary>A server that gives prepared answers in turn, the last one again and again, and remembers what it was asked.</summary>
internal sealed class FakeStore : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly ConcurrentQueue<(int Status, string Body)> _answers;

    private FakeStore(IEnumerable<(int Status, string Body)> answers)
    {
        _answers = new(answers);
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        _app = builder.Build();
        _app.Run(AnswerAsync);
    }

    public ConcurrentQueue<(string Key, string Body)> Requests { get; } = new();

    public string Address => _app.Urls.First();

    public static async Task<FakeStore> StartAsync(params (int Status, string Body)[] answers)
    {
        var store = new FakeStore(answers);
        await store._app.StartAsync();
        return store;
    }

    public static string Problem(string code) => $$"""{"status":0,"code":"{{code}}","detail":"prepared","retryable":true}""";

    public ValueTask DisposeAsync() => _app.DisposeAsync();

    private async Task AnswerAsync(HttpContext context)
    {
        using var reader = new StreamReader(context.Request.Body);
        Requests.Enqueue((context.Request.Headers["Idempotency-Key"].ToString(), await reader.ReadToEndAsync()));
        var (status, body) = _answers.Count > 1 && _answers.TryDequeue(out var next) ? next : _answers.First();
        context.Response.StatusCode = status;
        if (status is 429 or 503) context.Response.Headers.RetryAfter = "0";
        await context.Response.WriteAsync(body);
    }
}
