using System.Text.Json;
using Akka.Actor;
using EntityActors.Actors.Cluster;
using EntityActors.Host.Http.OpenApi;
using EntityActors.Host.Security;

namespace EntityActors.Host.Http;

/// <summary>The members of the cluster, as the node that is asked sees them.</summary>
internal static class ClusterEndpoints
{
    public static void Map(IEndpointRouteBuilder routes) => routes.MapMethods("/v1/cluster", RequestReader.Reads, MembersAsync).Requires("cluster:read")
        .Named("listMembers", "Cluster", "Members of the cluster, as this node sees them.").Answers<ClusterShape>(200, "The members.", ApiExamples.Cluster);

    private static Task MembersAsync(HttpContext context, ActorSystem system)
    {
        _ = RequestReader.Query(context);
        return JsonShapes.WriteAsync(context, StatusCodes.Status200OK, json =>
        {
            json.WriteStartObject();
            json.WriteStartArray("members");
            foreach (var member in ClusterMember.List(system)) Write(json, member);
            json.WriteEndArray();
            json.WriteEndObject();
        });
    }

    private static void Write(Utf8JsonWriter json, ClusterMember member)
    {
        json.WriteStartObject();
        json.WriteString("address", member.Address);
        json.WriteString("node", member.Node);
        json.WriteNumber("uid", member.Uid);
        json.WriteString("status", JsonNamingPolicy.CamelCase.ConvertName(member.Status.ToString()));
        json.WriteStartArray("roles");
        foreach (var role in member.Roles) json.WriteStringValue(role);
        json.WriteEndArray();
        json.WriteBoolean("reachable", member.IsReachable);
        json.WriteBoolean("leader", member.IsLeader);
        json.WriteBoolean("self", member.IsSelf);
        json.WriteEndObject();
    }
}
