using System.Collections.Immutable;
using System.Globalization;
using System.Text.Json;
using EntityActors.Host.Http;
using EntityActors.Host.Http.OpenApi;
using EntityActors.Storage.Model;

namespace EntityActors.Host.EntityDb;

/// <summary>Which entities refer to each other, and which share tags.</summary>
/// <remarks>A reference is a tag that ends in the id of an entity of the same dataset (rel:ref:ID, parent:ID).</remarks>
internal static class EdbRelationEndpoints
{
    private const string Root = EdbEndpoints.Root + "/entity-relationships/{id}";
    private const int DepthMax = 5;
    private const int NodesMax = 500;
    private const int RelatedDefault = 50;
    private const int RelatedMax = 1_000;
    private const int NameChars = 8;

    /// <summary>Names under which a reference from elsewhere is looked for.</summary>
    private static readonly string[] ReferenceNames = ["rel:ref:", "parent:", "child:", "relates_to:", "references:", "depends_on:", "member_of:"];

    /// <summary>Tags that nearly everything shares.</summary>
    private static readonly string[] Common = ["created_at:", "created_by:", "uuid:", "dataset:", "content:type:"];

    private sealed record Related(EntityHead Head, ImmutableArray<string> Shared, double Similarity)
    {
        public double Strength => Math.Min(1, Similarity * Shared.Length);
    }

    public static void Map(IEndpointRouteBuilder routes)
    {
        routes.MapGet(Root + "/discover", DiscoverAsync).InSession()
            .Named("edbDiscover", EdbEndpoints.Topic, "References of an entity, and entities that share tags with it.")
            .Problems(404, "not_found").Answers<EdbDiscoveryShape>(200, "What was found.", EdbExamples.Discovery);
        routes.MapGet(Root + "/network", NetworkAsync).InSession()
            .Named("edbNetwork", EdbEndpoints.Topic, "Entities that refer to each other, one step from an entity.")
            .Problems(404, "not_found").Answers<EdbNetworkShape>(200, "Nodes and edges.", EdbExamples.Network);
        routes.MapGet(Root + "/network/{depth}", NetworkAsync).InSession()
            .Named("edbNetworkOfDepth", EdbEndpoints.Topic, $"The same, up to {DepthMax} steps.")
            .Problems(404, "not_found").Answers<EdbNetworkShape>(200, "Nodes and edges.", EdbExamples.Network);
        routes.MapGet(Root + "/related", ListRelatedAsync).InSession()
            .Named("edbRelated", EdbEndpoints.Topic, "Entities that share tags with an entity, the closest first.")
            .Takes("tag_pattern", ParameterKind.Text, "Only by tags like this; * for any letters.", "genre:*")
            .Takes("limit", ParameterKind.Number, $"Up to {RelatedMax}; {RelatedDefault} when absent.", "5")
            .Problems(404, "not_found").Answers<EdbRelatedShape[]>(200, "The entities.", EdbExamples.RelatedList);
    }

    private static async Task NetworkAsync(HttpContext context, EdbStore store, TimeProvider time)
    {
        var depth = 1;
        if (context.GetRouteValue("depth") is string text
            && (!int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out depth) || depth is < 1 or > DepthMax))
        {
            throw ApiProblem.Invalid($"depth is 1 to {DepthMax}");
        }

        var focus = (await store.GetAsync(context, Id(context), dataset: null, withContent: false)).Head;
        var nodes = new Dictionary<string, (EntityHead Head, int Distance)>(StringComparer.Ordinal) { [focus.Key.Id] = (focus, 0) };
        var edges = new HashSet<(string From, string To, string Type)>();
        List<EntityHead> frontier = [focus];
        for (var distance = 1; distance <= depth && frontier.Count > 0; distance++)
        {
            List<EntityHead> next = [];
            foreach (var head in frontier)
            {
                foreach (var (from, to, type, other) in await ReferencesAsync(context, store, head))
                {
                    if (!nodes.ContainsKey(other.Key.Id))
                    {
                        if (nodes.Count == NodesMax) throw ApiProblem.Invalid($"more than {NodesMax} entities are within {depth} steps: ask for fewer");
                        nodes[other.Key.Id] = (other, distance);
                        next.Add(other);
                    }

                    edges.Add((from, to, type));
                }
            }

            frontier = next;
        }

        await EdbEndpoints.WriteAsync(context, json => WriteNetwork(json, focus, nodes, edges, depth, time));
    }

    private static void WriteNetwork(Utf8JsonWriter json, EntityHead focus, Dictionary<string, (EntityHead Head, int Distance)> nodes,
        HashSet<(string From, string To, string Type)> edges, int depth, TimeProvider time)
    {
        json.WriteStartObject();
        json.WriteString("focus_entity", focus.Key.Id);
        json.WriteStartArray("nodes");
        foreach (var (head, distance) in nodes.Values)
        {
            json.WriteStartObject();
            json.WriteString("id", head.Key.Id);
            json.WriteString("name", Name(head));
            json.WriteString("type", EdbTags.TypeOf(head.Tags));
            JsonShapes.Tags(json, "tags", head.Tags);
            json.WriteBoolean("is_focus", head.Key == focus.Key);
            json.WriteNumber("distance", distance);
            json.WriteNumber("connections", edges.Count(edge => edge.From == head.Key.Id || edge.To == head.Key.Id));
            json.WriteStartObject("properties");
            json.WriteString("created_at", head.CreatedAt.ToString());
            json.WriteEndObject();
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteStartArray("edges");
        foreach (var (from, to, type) in edges)
        {
            json.WriteStartObject();
            json.WriteString("source", from);
            json.WriteString("target", to);
            json.WriteString("type", type);
            json.WriteNumber("weight", 1);
            json.WriteBoolean("bidirectional", false);
            json.WriteNull("properties");
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteNumber("depth", depth);
        json.WriteNumber("total_nodes", nodes.Count);
        json.WriteNumber("total_edges", edges.Count);
        json.WriteString("generated_at", time.GetUtcNow());
        json.WriteEndObject();
    }

    private static async Task DiscoverAsync(HttpContext context, EdbStore store, TimeProvider time)
    {
        var focus = (await store.GetAsync(context, Id(context), dataset: null, withContent: false)).Head;
        var references = await ReferencesAsync(context, store, focus);
        var related = await RelatedAsync(context, store, focus, static _ => true);
        await EdbEndpoints.WriteAsync(context, json =>
        {
            json.WriteStartObject();
            json.WriteString("entity_id", focus.Key.Id);
            json.WriteStartArray("direct_references");
            foreach (var (from, to, type, _) in references)
            {
                json.WriteStartObject();
                json.WriteString("source", from);
                json.WriteString("target", to);
                json.WriteString("type", type);
                json.WriteEndObject();
            }

            json.WriteEndArray();
            json.WriteStartArray("tag_based_relationships");
            foreach (var item in related) Write(json, item);
            json.WriteEndArray();
            json.WriteStartArray("shared_tag_relations");
            foreach (var group in related.SelectMany(static item => item.Shared.Select(tag => (Tag: tag, item.Head.Key.Id))).GroupBy(static pair => pair.Tag))
            {
                var colon = group.Key.IndexOf(':', StringComparison.Ordinal);
                json.WriteStartObject();
                json.WriteString("tag", group.Key);
                json.WriteNumber("entity_count", group.Count());
                json.WriteStartArray("related_entity_ids");
                foreach (var (_, id) in group) json.WriteStringValue(id);
                json.WriteEndArray();
                json.WriteString("tag_value", group.Key[(colon + 1)..]);
                json.WriteString("tag_namespace", group.Key[..colon]);
                json.WriteEndObject();
            }

            json.WriteEndArray();
            json.WriteNumber("network_depth", 1);
            json.WriteNumber("total_found", references.Count + related.Count);
            json.WriteString("generated_at", time.GetUtcNow());
            json.WriteEndObject();
        });
    }

    private static async Task ListRelatedAsync(HttpContext context, EdbStore store)
    {
        var request = EdbRequest.Of(context);
        var limit = request.Number("limit", RelatedMax) is { } given and > 0 ? given : RelatedDefault;
        var matches = EdbFilter.Glob(request.Text("tag_pattern") ?? "*");
        var focus = (await store.GetAsync(context, Id(context), dataset: null, withContent: false)).Head;
        var related = await RelatedAsync(context, store, focus, matches);
        await EdbEndpoints.WriteAsync(context, json =>
        {
            json.WriteStartArray();
            foreach (var item in related.Take(limit)) Write(json, item);
            json.WriteEndArray();
        });
    }

    private static void Write(Utf8JsonWriter json, Related related)
    {
        json.WriteStartObject();
        json.WriteString("related_entity_id", related.Head.Key.Id);
        json.WriteString("related_entity_name", Name(related.Head));
        json.WriteString("related_entity_type", EdbTags.TypeOf(related.Head.Tags));
        json.WriteStartArray("shared_tags");
        foreach (var tag in related.Shared) json.WriteStringValue(tag);
        json.WriteEndArray();
        json.WriteNumber("tag_similarity", related.Similarity);
        json.WriteNumber("relation_strength", related.Strength);
        json.WriteEndObject();
    }

    /// <summary>Active entities of the same dataset that hold one of the entity's tags.</summary>
    private static async Task<List<Related>> RelatedAsync(HttpContext context, EdbStore store, EntityHead focus, Func<string, bool> matches)
    {
        var tags = focus.Tags.Select(static tag => tag.Text)
            .Where(tag => !Common.Any(prefix => tag.StartsWith(prefix, StringComparison.Ordinal)) && matches(tag))
            .Take(TagQuery.PatternCountMax).ToHashSet(StringComparer.Ordinal);
        if (tags.Count == 0) return [];
        var filter = new EdbFilter { Tags = [.. tags.Select(EdbFilter.Exact)], MatchesAny = true };
        var related = new List<Related>();
        foreach (var head in await store.MatchesAsync(context, focus.Key.Dataset, filter))
        {
            if (head.Key == focus.Key) continue;
            ImmutableArray<string> shared = [.. head.Tags.Select(static tag => tag.Text).Where(tags.Contains)];
            related.Add(new Related(head, shared, (double)shared.Length / focus.Tags.Length));
        }

        related.Sort(static (left, right) => right.Strength.CompareTo(left.Strength) is var found and not 0
            ? found : string.CompareOrdinal(left.Head.Key.Id, right.Head.Key.Id));
        return related;
    }

    /// <summary>What an entity refers to, and what refers to it.</summary>
    private static async Task<List<(string From, string To, string Type, EntityHead Other)>> ReferencesAsync(
        HttpContext context, EdbStore store, EntityHead head)
    {
        var found = new List<(string, string, string, EntityHead)>();
        foreach (var tag in head.Tags)
        {
            var colon = tag.Text.LastIndexOf(':');
            var target = tag.Text[(colon + 1)..];
            if (target == head.Key.Id || Common.Any(prefix => tag.Text.StartsWith(prefix, StringComparison.Ordinal))) continue;
            if (await store.FindAsync(context, target, head.Key.Dataset, withContent: false) is { Head.Lifecycle: Lifecycle.Active } other)
                found.Add((head.Key.Id, target, tag.Text[..colon], other.Head));
        }

        var names = ReferenceNames.Where(name => Tag.Problem(name + head.Key.Id) is null).ToList();
        var filter = new EdbFilter { Tags = [.. names.Select(name => EdbFilter.Exact(name + head.Key.Id))], MatchesAny = true };
        if (names.Count == 0) return found;
        foreach (var other in await store.MatchesAsync(context, head.Key.Dataset, filter))
        {
            foreach (var name in names.Where(name => other.Tags.Contains(new Tag(name + head.Key.Id))))
                found.Add((other.Key.Id, head.Key.Id, name[..^1], other));
        }

        return found;
    }

    private static string Id(HttpContext context) => EdbEndpoints.PathId(context, "entity-relationships");

    private static string Name(EntityHead head) => EdbTags.Value(head.Tags, "name:") ?? head.Key.Id[..Math.Min(NameChars, head.Key.Id.Length)];
}
