using System.Globalization;
using EntityActors.Actors.Hosting;
using EntityActors.Host.Http.OpenApi;
using EntityActors.Host.Security;
using EntityActors.Host.Security.Audit;

namespace EntityActors.Host.Http;

/// <summary>The audit log of one node, oldest entry first. All nodes of a data directory can be asked about through any of them.</summary>
internal static class AuditEndpoint
{
    private const int LimitDefault = 100;
    private const int LimitMax = 1_000;

    public static void Map(IEndpointRouteBuilder routes) => routes.MapMethods("/v1/audit", RequestReader.Reads, ReadAsync).Requires("audit:read")
        .Named("readAudit", "Audit", "The audit log of a node, oldest entry first.")
        .Takes("node", ParameterKind.Text, "Name of the node; the one that is asked when absent.", "node-1")
        .Takes("limit", ParameterKind.Number, $"1 to {LimitMax}; {LimitDefault} when absent.", "20")
        .Takes("cursor", ParameterKind.Text, "Of the page before.").Problems(404, "not_found")
        .Answers<AuditPageShape>(200, "A page.", AccountExamples.Audit);

    private static async Task ReadAsync(HttpContext context, AuditReader audit, NodeStoreService store)
    {
        var query = RequestReader.Query(context, "node", "limit", "cursor");
        var own = store.Store.Log.Node;
        var node = RequestReader.Single(query, "node") ?? own;
        var nodes = audit.Nodes();
        if (node != own && !nodes.Contains(node)) throw ApiProblem.NotFound("there is no audit log of such a node");
        var after = 0L;
        if (RequestReader.Single(query, "cursor") is { } cursor && !long.TryParse(cursor, NumberStyles.None, CultureInfo.InvariantCulture, out after))
            throw ApiProblem.Invalid("the cursor is not one of this list");
        var limit = RequestReader.Limit(query, LimitDefault, LimitMax);
        var entries = audit.Read(node, after, limit + 1);
        var page = entries.Take(limit).ToList();
        await JsonShapes.WriteAsync(context, StatusCodes.Status200OK, json =>
        {
            json.WriteStartObject();
            json.WriteString("node", node);
            json.WriteStartArray("nodes");
            foreach (var name in nodes) json.WriteStringValue(name);
            json.WriteEndArray();
            json.WriteStartArray("items");
            foreach (var entry in page) AccountShapes.Audit(json, entry);
            json.WriteEndArray();
            if (entries.Count > limit) json.WriteString("cursor", page[^1].Sequence.ToString(CultureInfo.InvariantCulture));
            json.WriteEndObject();
        });
    }
}
