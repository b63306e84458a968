using System.Text.RegularExpressions;
using EntityActors.Host.Tests.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace EntityActors.Host.Tests.OpenApi;

/// <summary>The OpenAPI document tells what the node really has.</summary>
public sealed partial class ApiDocumentTests(StoreFixture fixture) : IClassFixture<StoreFixture>
{
    [Fact]
    public async Task Every_route_is_described_with_its_answer_and_a_name_of_its_own()
    {
        var description = await DescriptionAsync();
        var described = description.Operations.Select(static operation => $"{operation.Method} {operation.Path}").ToHashSet(StringComparer.Ordinal);
        var mapped = fixture.Services.GetRequiredService<EndpointDataSource>().Endpoints.OfType<RouteEndpoint>()
            .Where(static endpoint => IsApi(endpoint.RoutePattern.RawText!))
            .SelectMany(static endpoint => endpoint.Metadata.GetMetadata<HttpMethodMetadata>()!.HttpMethods
                .Where(static method => method != "HEAD").Select(method => $"{method} {endpoint.RoutePattern.RawText}")).ToList();
        Assert.True(mapped.Count > 15, "routes were not found");
        Assert.Equal(mapped.Order(StringComparer.Ordinal), described.Order(StringComparer.Ordinal));
        Assert.All(description.Operations, static operation =>
        {
            Assert.False(string.IsNullOrEmpty(operation.Id), $"{operation} has no name");
            Assert.Contains(operation.Answers.Keys, static status => status < 300);
        });
        Assert.Equal(description.Operations.Count, description.Operations.Select(static operation => operation.Id).Distinct(StringComparer.Ordinal).Count());
    }

    [Fact]
    public async Task Query_parameters_of_the_document_are_those_that_a_route_takes()
    {
        var description = await DescriptionAsync();
        foreach (var operation in description.Operations.Where(static operation => !operation.Path.StartsWith("/health", StringComparison.Ordinal) && !IsLenient(operation.Path)))
        {
            var path = Plain(operation.Path);
            var answer = await fixture.Http.SendAsync(operation.Method, path + "?no-such-parameter=1", operation.BodyType is null ? null : "{}");
            Assert.True(answer.Status == 400, $"{operation}: {answer}");
            var documented = operation.Parameters.Where(static parameter => !parameter.IsHeader).Select(static parameter => parameter.Name);
            Assert.Equal(documented.Order(StringComparer.Ordinal), KnownOf(answer));
        }
    }

    [Fact]
    public async Task Members_of_a_body_are_those_that_a_route_takes()
    {
        var description = await DescriptionAsync();
        var bodies = description.Operations.Where(static operation => operation.BodyType == "application/json" && !IsLenient(operation.Path)).ToList();
        Assert.NotEmpty(bodies);
        foreach (var operation in bodies)
        {
            var path = Plain(operation.Path);
            var answer = await fixture.Http.SendAsync(operation.Method, path, """{"no-such-member":1}""");
            Assert.True(answer.Status == 400, $"{operation}: {answer}");
            Assert.Equal(description.MembersOf(operation.Body!).Order(StringComparer.Ordinal), KnownOf(answer));
        }
    }

    [Fact]
    public async Task Examples_are_what_their_schemas_say()
    {
        var description = await DescriptionAsync();
        var count = 0;
        foreach (var (where, schema, type, example) in description.Examples())
        {
            if (type == "text/event-stream") continue;
            count++;
            var texts = type == "application/x-ndjson" ? ((string)example!).Trim().Split('\n') : [example.ToJsonString()];
            // The example of one entity in a stream may be folded for reading.
            if (type == "application/x-ndjson" && description.Invalid(schema, (string)example!) is null) continue;
            Assert.All(texts, text => Assert.True(description.Invalid(schema, text) is null, $"{where}: {description.Invalid(schema, text)}"));
        }

        Assert.True(count > 20, "examples were not found");
    }

    [Fact]
    public async Task The_page_comes_with_all_it_needs()
    {
        var page = await fixture.Http.GetAsync("/scalar/");
        Assert.Equal((200, "text/html"), (page.Status, page.ContentType));
        Assert.DoesNotContain("https://", page.Body, StringComparison.Ordinal);
        foreach (var script in Scripts().Matches(page.Body).Select(static match => match.Groups[1].Value))
        {
            var answer = await fixture.Http.GetAsync(script.StartsWith('/') ? script : "/scalar/" + script);
            Assert.True(answer is { Status: 200, Bytes.Length: > 0 }, $"{script}: {answer.Status}");
        }
    }

    private async Task<ApiDescription> DescriptionAsync()
    {
        var answer = await fixture.Http.GetAsync("/openapi/v1.json");
        Assert.Equal(200, answer.Status);
        return new ApiDescription(answer.Body);
    }

    private static string Plain(string path) =>
        path.Replace("{n}", "0", StringComparison.Ordinal).Replace("{", "", StringComparison.Ordinal).Replace("}", "", StringComparison.Ordinal);

    private static bool IsApi(string pattern) =>
        !pattern.StartsWith("/openapi", StringComparison.Ordinal) && !pattern.StartsWith("/scalar", StringComparison.Ordinal);

    /// <summary>EntityDB's clients may send what nobody knows.</summary>
    private static bool IsLenient(string path) => path.StartsWith("/api/v1/", StringComparison.Ordinal);

    /// <summary>The names that a refusal says are known.</summary>
    private static IEnumerable<string> KnownOf(HttpAnswer answer)
    {
        var detail = answer.Json.GetProperty("detail").GetString()!;
        const string marker = "; known are ";
        var at = detail.IndexOf(marker, StringComparison.Ordinal);
        return at < 0 ? [] : detail[(at + marker.Length)..].Split(", ").Order(StringComparer.Ordinal);
    }

    [GeneratedRegex("(?:src|href)=\"([^\"]+)\"")]
    private static partial Regex Scripts();
}
