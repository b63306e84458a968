using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using EntityActors.Host.EntityDb;
using EntityActors.Host.Security;
using Microsoft.AspNetCore.OpenApi;
using Microsoft.OpenApi;
using Scalar.AspNetCore;

namespace EntityActors.Host.Http.OpenApi;

/// <summary>The OpenAPI document, made from what each route says of itself, and a page that shows it.</summary>
internal static class ApiDocument
{
    /// <summary>Where <c>/scalar</c> leads to.</summary>
    public const string PagePath = "/scalar/";

    private const string Name = "v1";
    private const string ProblemType = "application/problem+json";

    /// <summary>Any route may answer these.</summary>
    private static readonly ProblemNote[] Common =
    [
        new(400, ["invalid", "invalid_query", "bad_request"]), new(403, ["foreign_host", "foreign_origin", "forbidden"]), new(408, ["too_slow"]),
        new(401, ["unauthenticated"]),
        new(414, ["uri_too_long"]), new(415, ["unsupported_media_type"]), new(429, ["busy"]), new(431, ["headers_too_large"]),
        new(500, ["corrupted", "internal"]), new(503, ["unavailable"]),
    ];

    /// <summary>Of a route that does more than read: its session may end while it runs.</summary>
    private static readonly ProblemNote Unknown = new(504, ["outcome_unknown"]);

    private static readonly Dictionary<string, (string Text, string Example)> PathParts = new(StringComparer.Ordinal)
    {
        ["ds"] = ("Dataset: 1 to 64 of A-Z a-z 0-9 . _ -", "library"),
        ["id"] = ("Id of an entity, 1 to 256 bytes of UTF-8, percent-encoded, / as %2F.", "book-1"),
        ["depth"] = ("Steps, 1 to 5.", "2"),
        ["name"] = ("Name of a user or role.", "ann"),
        ["n"] = ("Number of a shard, from 0.", "0"),
    };

    public static void Add(IServiceCollection services)
    {
        services.ConfigureHttpJsonOptions(static http =>
        {
            http.SerializerOptions.NumberHandling = JsonNumberHandling.Strict;
            http.SerializerOptions.Converters.Add(new JsonStringEnumConverter(JsonNamingPolicy.CamelCase));
        });
        services.AddOpenApi(Name, static options =>
        {
            options.OpenApiVersion = OpenApiSpecVersion.OpenApi3_1;
            options.CreateSchemaReferenceId = static info => info.Type.Name switch
            {
                var name when name.EndsWith("Shape", StringComparison.Ordinal) => name[..^"Shape".Length],
                _ => OpenApiOptions.CreateDefaultSchemaReferenceId(info),
            };
            options.AddOperationTransformer(DescribeAsync);
            options.AddSchemaTransformer(static (schema, context, _) =>
            {
                // The generator leaves it out for objects.
                if (context.JsonPropertyInfo?.IsGetNullable == true && schema.Type == JsonSchemaType.Object) schema.Type |= JsonSchemaType.Null;
                return Task.CompletedTask;
            });
            options.AddDocumentTransformer(static (document, _, _) =>
            {
                Finish(document);
                return Task.CompletedTask;
            });
        });
    }

    public static void Map(IEndpointRouteBuilder routes)
    {
        routes.MapOpenApi("/openapi/{documentName}.json").IsOpen().ExcludeFromDescription();
        routes.MapScalarApiReference("/scalar", static page => page.WithTitle("EntityActors").WithOpenApiRoutePattern("/openapi/{documentName}.json")
            .DisableDefaultFonts().DisableTelemetry()).IsOpen().ExcludeFromDescription();
    }

    private static async Task DescribeAsync(OpenApiOperation operation, OpenApiOperationTransformerContext context, CancellationToken cancellation)
    {
        var notes = context.Description.ActionDescriptor.EndpointMetadata;
        operation.Parameters = [.. PathParameters(context), .. notes.OfType<ParameterNote>().Select(Parameter)];
        if (notes.OfType<BodyNote>().FirstOrDefault() is { } body)
        {
            operation.RequestBody = new OpenApiRequestBody
            {
                Required = true, Content = await ContentAsync(context, body.Shape, body.ContentType, body.Example, cancellation),
            };
        }

        operation.Responses = [];
        foreach (var answers in notes.OfType<AnswerNote>().GroupBy(static note => note.Status))
        {
            var response = new OpenApiResponse { Description = string.Join(" Or: ", answers.Select(static note => note.Text)), Content = null };
            foreach (var note in answers.Where(static note => note.ContentType is not null))
            {
                response.Content ??= new Dictionary<string, OpenApiMediaType>(StringComparer.Ordinal);
                foreach (var (type, media) in await ContentAsync(context, note.Shape, note.ContentType!, note.Example, cancellation))
                    response.Content[type] = media;
            }

            operation.Responses[Text(answers.Key)] = response;
        }

        var isEdb = EdbEndpoints.IsOne("/" + context.Description.RelativePath);
        var common = RequestReader.Reads.Contains(context.Description.HttpMethod) ? Common : [.. Common, Unknown];
        foreach (var problems in common.Concat(notes.OfType<ProblemNote>()).GroupBy(static note => note.Status).OrderBy(static group => group.Key))
        {
            var codes = problems.SelectMany(static note => note.Codes).Distinct(StringComparer.Ordinal);
            operation.Responses[Text(problems.Key)] = new OpenApiResponse
            {
                Description = "Problem with code " + string.Join(", ", codes) + ".",
                Content = isEdb
                    ? await ContentAsync(context, typeof(EdbErrorShape), "application/json", null, cancellation)
                    : await ContentAsync(context, typeof(ProblemShape), ProblemType, null, cancellation),
            };
        }
    }

    private static IEnumerable<IOpenApiParameter> PathParameters(OpenApiOperationTransformerContext context)
    {
        var path = context.Description.RelativePath ?? "";
        foreach (var segment in path.Split('/').Where(static segment => segment.StartsWith('{')))
        {
            var name = segment.Trim('{', '}');
            var (text, example) = PathParts[name];
            yield return new OpenApiParameter
            {
                Name = name, In = ParameterLocation.Path, Required = true, Description = text, Example = JsonValue.Create(example),
                Schema = new OpenApiSchema { Type = JsonSchemaType.String },
            };
        }
    }

    private static IOpenApiParameter Parameter(ParameterNote note) => new OpenApiParameter
    {
        Name = note.Name, In = note.IsHeader ? ParameterLocation.Header : ParameterLocation.Query, Required = note.IsRequired, Description = note.Text,
        Example = note.Example is null ? null : JsonValue.Create(note.Example), Schema = SchemaOf(note.Kind),
    };

    private static OpenApiSchema SchemaOf(ParameterKind kind) => kind switch
    {
        ParameterKind.Number => new OpenApiSchema { Type = JsonSchemaType.Integer },
        ParameterKind.Flag => new OpenApiSchema { Type = JsonSchemaType.Boolean },
        ParameterKind.Texts => new OpenApiSchema { Type = JsonSchemaType.Array, Items = new OpenApiSchema { Type = JsonSchemaType.String } },
        _ => new OpenApiSchema { Type = JsonSchemaType.String },
    };

    private static async Task<Dictionary<string, OpenApiMediaType>> ContentAsync(
        OpenApiOperationTransformerContext context, Type? shape, string type, string? example, CancellationToken cancellation)
    {
        var media = new OpenApiMediaType { Example = example is null ? null : ExampleOf(type, example) };
        if (shape is not null) media.Schema = await SchemaAsync(context, shape, cancellation);
        return new Dictionary<string, OpenApiMediaType>(StringComparer.Ordinal) { [type] = media };
    }

    /// <summary>Streams are lines or events, so their example is text.</summary>
    private static JsonNode? ExampleOf(string type, string example) =>
        type is "application/json" or ProblemType ? JsonNode.Parse(example) : JsonValue.Create(example);

    private static async Task<IOpenApiSchema> SchemaAsync(OpenApiOperationTransformerContext context, Type shape, CancellationToken cancellation)
    {
        if (shape.IsArray)
            return new OpenApiSchema { Type = JsonSchemaType.Array, Items = await SchemaAsync(context, shape.GetElementType()!, cancellation) };
        var name = shape.Name.EndsWith("Shape", StringComparison.Ordinal) ? shape.Name[..^"Shape".Length] : shape.Name;
        var document = context.Document!;
        if (document.Components?.Schemas?.ContainsKey(name) != true)
            document.AddComponent(name, await context.GetOrCreateSchemaAsync(shape, null, cancellation));
        return new OpenApiSchemaReference(name, document);
    }

    private static void Finish(OpenApiDocument document)
    {
        document.Info = new OpenApiInfo
        {
            Title = "EntityActors", Version = Name,
            Description = "A temporal entity store: every change is kept with its time, so everything can be asked as of any moment. "
                + "Every GET answers HEAD too. Times are RFC 3339 with nine fraction digits, or taken as ns since 1970.",
        };
        // Of the process that is asked, whatever stands before it.
        document.Servers = [];
        foreach (var path in document.Paths.Values) path.Operations?.Remove(HttpMethod.Head);
    }

    private static string Text(int status) => status.ToString(System.Globalization.CultureInfo.InvariantCulture);
}
