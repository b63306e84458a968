using System.Collections.Concurrent;
using System.Net.Http.Headers;
using EntityActors.Host.Tests.Http;
using EntityActors.Host.Tests.Security;
using EntityActors.Tests.Shared;
using Xunit;
using Xunit.Abstractions;

namespace EntityActors.Host.Tests.OpenApi;

/// <summary>Requests drawn from the OpenAPI document: every answer is one that the document tells of, and none is a failure of the server.</summary>
public sealed class HttpFuzzTests(HttpFuzzTests.Fixture fixture, ITestOutputHelper output) : IClassFixture<HttpFuzzTests.Fixture>
{
    private const int RequestsFew = 20_000;
    private const int ClientCount = 8;
    private const int FindingsMax = 20;

    /// <summary>Of these a request ends its own session, so each is sent with one of its own.</summary>
    private static readonly string[] EndSessions = ["logout", "refreshSession", "changePassword", "edbLogout", "edbRefresh", "edbChangePassword"];

    private static readonly TimeSpan AnswerMax = TimeSpan.FromSeconds(60);

    [Fact]
    public async Task Every_answer_is_documented_and_none_is_a_failure_of_the_server()
    {
        var seed = SeedSource.Next();
        var requests = SeedSource.Runs(RequestsFew);
        output.WriteLine($"{SeedSource.Variable}={seed} {SeedSource.RunsVariable}={requests}");
        var description = new ApiDescription((await fixture.Stranger.GetAsync("/openapi/v1.json")).Body);
        var statuses = new ConcurrentDictionary<(string, int), int>();
        var findings = new ConcurrentDictionary<string, string>(StringComparer.Ordinal);
        for (var client = 0; client < ClientCount; client++) await fixture.AddUserAsync($"guest{client}", "reader");
        var token = await fixture.TokenAsync("admin", SecureStoreFixture.AdminPassword);
        await Task.WhenAll(Enumerable.Range(0, ClientCount).Select(client => Task.Run(async () =>
        {
            var generator = new RequestGenerator(description, SeedSource.For(seed, client), SecureStoreFixture.ShardCount);
            using var http = new HttpClient { BaseAddress = fixture.BaseAddress, Timeout = AnswerMax };
            for (var i = client; i < requests && findings.Count < FindingsMax; i += ClientCount)
            {
                var (operation, request) = generator.Next();
                var isGuest = EndSessions.Contains(operation.Id, StringComparer.Ordinal);
                var bearer = isGuest ? await GuestAsync($"guest{client}") : token;
                HttpAnswer answer;
                try
                {
                    answer = await SendAsync(http, request, bearer);
                }
                catch (HttpRequestException cause)
                {
                    findings.TryAdd($"{operation} unanswered", $"{request}\n  no answer: {cause}");
                    continue;
                }

                statuses.AddOrUpdate((operation.Id, answer.Status), 1, static (_, count) => count + 1);
                var strange = answer.Status == 500 ? "the server failed" : description.Strange(operation, answer);
                // One of each kind.
                if (strange is not null) findings.TryAdd($"{operation} {answer.Status}", $"{request}\n  {strange}: {answer}");
            }
        })));
        foreach (var group in statuses.GroupBy(static pair => pair.Key.Item1).OrderBy(static group => group.Key, StringComparer.Ordinal))
        {
            var counts = group.OrderBy(static pair => pair.Key.Item2).Select(static pair => $"{pair.Value} × {pair.Key.Item2}");
            output.WriteLine($"{group.Key}: {string.Join(", ", counts)}");
        }

        Assert.True(findings.IsEmpty, $"{SeedSource.Variable}={seed}\n{string.Join('\n', findings.Values)}");
        // Requests that are all refused would show little.
        Assert.All(description.Operations, operation => Assert.Contains(statuses.Keys, key => key.Item1 == operation.Id && key.Item2 < 300));
    }

    /// <summary>A session of a user whose password the last request may have changed.</summary>
    private async Task<string> GuestAsync(string name)
    {
        await fixture.Admin.SendAsync("PUT", $"/v1/users/{name}/password", $$"""{"password":"{{SecureStoreFixture.UserPassword}}"}""");
        return await fixture.TokenAsync(name, SecureStoreFixture.UserPassword);
    }

    private static async Task<HttpAnswer> SendAsync(HttpClient http, GeneratedRequest generated, string token)
    {
        // The target goes out as it is: the library would make dot segments and escapes canonical.
        var target = new Uri(http.BaseAddress!.GetLeftPart(UriPartial.Authority) + generated.Target,
            new UriCreationOptions { DangerousDisablePathAndQueryCanonicalization = true });
        using var request = new HttpRequestMessage(new HttpMethod(generated.Method), target);
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
        foreach (var (name, value) in generated.Headers) request.Headers.TryAddWithoutValidation(name, value);
        if (generated.Body is not null)
        {
            request.Content = new ByteArrayContent(generated.Body);
            if (MediaTypeHeaderValue.TryParse(generated.BodyType, out var type)) request.Content.Headers.ContentType = type;
            else request.Content.Headers.TryAddWithoutValidation("Content-Type", generated.BodyType);
        }

        using var answer = await http.SendAsync(request);
        return new HttpAnswer((int)answer.StatusCode, answer.Content.Headers.ContentType?.MediaType, await answer.Content.ReadAsByteArrayAsync(),
            new Dictionary<string, string>(StringComparer.Ordinal));
    }

    /// <summary>Wrong passwords by the thousand lock nobody out.</summary>
    public sealed class Fixture : SecureStoreFixture
    {
        protected override string MoreSettings => "entityactors.security.lockout-failures = 1000000";
    }
}
