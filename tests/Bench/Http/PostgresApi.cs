using System.Net;
using System.Runtime.InteropServices;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace EntityActors.Bench.Http;

/// <summary>A minimal API over PostgreSQL that answers PUT and GET of an entity as the store does. Runs in a process of its own.</summary>
internal static class PostgresApi
{
    public const string ChildCommand = "postgres-api";
    private const string Route = "/v1/datasets/{ds}/entities/{id}";
    private const string Json = "application/json";

    /// <summary>Prints <c>ready http=URL</c> like the store, and serves until it is killed.</summary>
    public static async Task RunAsync(string connectionString, int connections)
    {
        await using var entities = await PostgresEntities.CreateAsync(connectionString, connections);
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Listen(IPAddress.Loopback, 0);
        });
        await using var app = builder.Build();
        app.MapPut(Route, context => PutAsync(context, entities));
        app.MapGet(Route, context => GetAsync(context, entities));
        await app.StartAsync();
        Console.WriteLine($"ready http={app.Urls.First()}");
        await app.WaitForShutdownAsync();
    }

    private static async Task PutAsync(HttpContext context, PostgresEntities entities)
    {
        var (dataset, id) = KeyOf(context);
        using var body = await JsonDocument.ParseAsync(context.Request.Body, cancellationToken: context.RequestAborted);
        var tags = body.RootElement.GetProperty("tags");
        var held = new string[tags.GetArrayLength()];
        for (var i = 0; i < held.Length; i++) held[i] = tags[i].GetString()!;
        // The store gives tags in this order, too.
        Array.Sort(held, StringComparer.Ordinal);
        var content = body.RootElement.TryGetProperty("content", out var value) ? JsonMarshal.GetRawUtf8Value(value).ToArray() : null;
        var commit = await entities.PutAsync(dataset, id, held, content is null ? null : Json, content, context.RequestAborted);
        Begin(context, commit.Revision == 1 ? StatusCodes.Status201Created : StatusCodes.Status200OK, commit.Revision);
        await using var json = new Utf8JsonWriter(context.Response.BodyWriter);
        json.WriteStartObject();
        json.WriteString("dataset", dataset);
        json.WriteString("id", id);
        json.WriteNumber("revision", commit.Revision);
        json.WriteString("at", commit.At.ToString());
        json.WriteNumber("shard", 0);
        json.WriteNumber("sequence", commit.Sequence);
        json.WriteBoolean("duplicate", false);
        json.WriteEndObject();
    }

    private static async Task GetAsync(HttpContext context, PostgresEntities entities)
    {
        var (dataset, id) = KeyOf(context);
        if (await entities.GetAsync(dataset, id, context.RequestAborted) is not { } entity)
        {
            context.Response.StatusCode = StatusCodes.Status404NotFound;
            return;
        }

        Begin(context, StatusCodes.Status200OK, entity.Revision);
        await using var json = new Utf8JsonWriter(context.Response.BodyWriter);
        json.WriteStartObject();
        json.WriteString("dataset", dataset);
        json.WriteString("id", id);
        json.WriteNumber("revision", entity.Revision);
        json.WriteString("lifecycle", "active");
        json.WriteString("createdAt", entity.CreatedAt.ToString());
        json.WriteString("updatedAt", entity.UpdatedAt.ToString());
        json.WriteStartArray("tags");
        foreach (var tag in entity.Tags) json.WriteStringValue(tag);
        json.WriteEndArray();
        if (entity.Content is { } content)
        {
            json.WriteString("contentType", entity.ContentType);
            json.WriteNumber("contentLength", content.Length);
            json.WritePropertyName("content");
            json.WriteRawValue(content, skipInputValidation: true);
        }

        json.WriteEndObject();
    }

    private static (string Dataset, string Id) KeyOf(HttpContext context) =>
        ((string)context.Request.RouteValues["ds"]!, (string)context.Request.RouteValues["id"]!);

    private static void Begin(HttpContext context, int status, long revision)
    {
        context.Response.StatusCode = status;
        context.Response.ContentType = "application/json; charset=utf-8";
        context.Response.Headers.ETag = $"\"{revision}\"";
    }
}
