using EntityActors.Actors.Client;
using EntityActors.Actors.Protocol;
using EntityActors.Host.Http.OpenApi;
using EntityActors.Host.Security;
using EntityActors.Storage.Model;

namespace EntityActors.Host.Http;

/// <summary>What is related to an entity: a tag whose value is the id of another entity relates to that one.</summary>
internal static class RelationEndpoint
{
    public static void Map(IEndpointRouteBuilder routes) =>
        routes.MapMethods("/v1/datasets/{ds}/entities/{id}/relations", RequestReader.Reads, WalkAsync).Requires("entity:read")
            .Named("getRelations", "Queries", "Entities that an entity is related to by tags whose values are ids, and the relations among them.")
            .Takes("depth", ParameterKind.Number, $"Steps, 1 to {RelationQuery.DepthMax}; 1 when absent.", "2")
            .Takes("direction", ParameterKind.Text, "out (the default): values of its tags; in: entities whose tags name it; both.", "both")
            .Takes("type", ParameterKind.Text, "Name of the tags that are followed; any when absent.", "author")
            .Takes("asOf", ParameterKind.Moment, "The moment; now when absent.", ApiExamples.Moment)
            .Takes("limit", ParameterKind.Number, $"Most nodes, 1 to {RelationQuery.LimitMax}; 100 when absent.", "20")
            .Problems(404, "not_found").Answers<RelationsShape>(200, "Nodes and edges.", DataExamples.Relations);

    private static async Task WalkAsync(HttpContext context, IEntityStore store)
    {
        var query = RequestReader.Query(context, "depth", "direction", "type", "asOf", "limit");
        var key = RequestReader.Key(context);
        var type = RequestReader.Single(query, "type");
        if (type is not null && (type.Contains(':', StringComparison.Ordinal) || Tag.Problem(type + ":") is not null))
            throw ApiProblem.Invalid("type is the name of a tag");
        var asked = new RelationQuery(key, RequestReader.Number(query, "depth", 1, RelationQuery.DepthMax),
            DirectionOf(RequestReader.Single(query, "direction")), type, RequestReader.Time(query, "asOf"),
            RequestReader.Limit(query, 100, RelationQuery.LimitMax));
        var graph = await store.RelationsAsync(asked, context.RequestAborted) ?? throw ApiProblem.NotFound($"there is no entity {key}");
        await JsonShapes.WriteAsync(context, StatusCodes.Status200OK, json =>
        {
            json.WriteStartObject();
            json.WriteStartArray("nodes");
            foreach (var node in graph.Nodes)
            {
                json.WriteStartObject();
                json.WriteString("id", node.Head.Key.Id);
                json.WriteNumber("depth", node.Depth);
                json.WriteNumber("revision", node.Head.Revision);
                JsonShapes.Tags(json, "tags", node.Head.Tags);
                json.WriteEndObject();
            }

            json.WriteEndArray();
            json.WriteStartArray("edges");
            foreach (var edge in graph.Edges)
            {
                json.WriteStartObject();
                json.WriteString("from", edge.From);
                json.WriteString("type", edge.Type);
                json.WriteString("to", edge.To);
                json.WriteEndObject();
            }

            json.WriteEndArray();
            json.WriteBoolean("truncated", graph.IsTruncated);
            json.WriteEndObject();
        });
    }

    private static RelationDirection DirectionOf(string? text) => text switch
    {
        null or "out" => RelationDirection.Out,
        "in" => RelationDirection.In,
        "both" => RelationDirection.Both,
        var other => throw ApiProblem.Invalid($"direction is in, out or both, not '{other}'"),
    };
}
