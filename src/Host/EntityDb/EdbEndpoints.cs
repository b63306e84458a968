using System.Text.Json;
using EntityActors.Host.Http;
using EntityActors.Host.Security;

namespace EntityActors.Host.EntityDb;

/// <summary>Routes of EntityDB 2.34 for its clients, under <c>/api/v1</c>: the same requests and answers, over this store.</summary>
internal static class EdbEndpoints
{
    public const string Root = "/api/v1";
    public const string Topic = "EntityDB";

    private const string Entities = Root + "/entities";
    private const string Scoped = Root + "/datasets/{ds}/entities";

    public static void Add(IServiceCollection services)
    {
        services.AddSingleton<EdbDatasets>();
        services.AddSingleton<EdbStore>();
    }

    public static void Map(IEndpointRouteBuilder routes)
    {
        EdbAccountEndpoints.Map(routes);
        EdbEntityEndpoints.Map(routes, Entities, "");
        EdbEntityEndpoints.Map(routes, Scoped, "InDataset");
        EdbListEndpoints.Map(routes, Entities, "");
        EdbListEndpoints.Map(routes, Scoped, "InDataset");
        EdbTemporalEndpoints.Map(routes, Entities, "");
        EdbTemporalEndpoints.Map(routes, Scoped, "InDataset");
        EdbLifecycleEndpoints.Map(routes, Entities);
        EdbRelationEndpoints.Map(routes);
        EdbSystemEndpoints.Map(routes);
        EdbConfigEndpoints.Map(routes);
    }

    public static bool IsOne(PathString path) => path.StartsWithSegments(Root, StringComparison.OrdinalIgnoreCase);

    /// <summary>Any session may ask; the datasets that it reaches are checked one by one.</summary>
    public static RouteHandlerBuilder InSession(this RouteHandlerBuilder route) => route.Requires();

    /// <summary>In the dataset that the path names, or like <see cref="InSession"/> when it names none.</summary>
    public static RouteHandlerBuilder InDataset(this RouteHandlerBuilder route, string root, string permission) =>
        root == Scoped ? route.Requires(permission) : route.InSession();

    /// <summary>The dataset that the path names, or null.</summary>
    public static string? Dataset(HttpContext context) => context.GetRouteValue("ds") is null ? null : RequestReader.Dataset(context);

    /// <summary>The segment of the path behind <paramref name="before"/>, decoded.</summary>
    public static string PathId(HttpContext context, string before)
    {
        var segments = RequestTarget.Segments(context);
        var at = Array.IndexOf(segments, before);
        return RequestTarget.Decode(segments[at + 1]);
    }

    public static Task WriteAsync(HttpContext context, Action<Utf8JsonWriter> write, int status = StatusCodes.Status200OK) =>
        JsonShapes.WriteAsync(context, status, write);

    /// <summary>EntityDB's form of a problem; its texts where its clients may look at them.</summary>
    public static void WriteProblem(Utf8JsonWriter json, HttpContext context, ApiProblem problem)
    {
        json.WriteStartObject();
        json.WriteString("error", problem.Code switch
        {
            "unauthenticated" when context.Request.Headers.Authorization.Count == 0 => "Authentication required",
            "unauthenticated" => "Invalid or expired session",
            "bad_credentials" => "Invalid credentials",
            _ => problem.Message,
        });
        json.WriteString("code", problem.Code);
        json.WriteEndObject();
    }
}
