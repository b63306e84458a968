using System.Text.Json;

namespace EntityActors.Host.EntityDb;

internal sealed record EdbReferenceShape
{
    public required string Source { get; init; }

    public required string Target { get; init; }

    public required string Type { get; init; }
}

internal sealed record EdbRelatedShape
{
    public required string Related_entity_id { get; init; }

    public required string Related_entity_name { get; init; }

    public required string Related_entity_type { get; init; }

    public required string[] Shared_tags { get; init; }

    public required double Tag_similarity { get; init; }

    public required double Relation_strength { get; init; }
}

internal sealed record EdbSharedTagShape
{
    public required string Tag { get; init; }

    public required int Entity_count { get; init; }

    public required string[] Related_entity_ids { get; init; }

    public required string Tag_value { get; init; }

    public required string Tag_namespace { get; init; }
}

internal sealed record EdbDiscoveryShape
{
    public required string Entity_id { get; init; }

    public required EdbReferenceShape[] Direct_references { get; init; }

    public required EdbRelatedShape[] Tag_based_relationships { get; init; }

    public required EdbSharedTagShape[] Shared_tag_relations { get; init; }

    public required int Network_depth { get; init; }

    public required int Total_found { get; init; }

    public required string Generated_at { get; init; }
}

internal sealed record EdbNodePropertiesShape
{
    public required string Created_at { get; init; }
}

internal sealed record EdbNodeShape
{
    public required string Id { get; init; }

    public required string Name { get; init; }

    public required string Type { get; init; }

    public required string[] Tags { get; init; }

    public required bool Is_focus { get; init; }

    public required int Distance { get; init; }

    public required int Connections { get; init; }

    public required EdbNodePropertiesShape Properties { get; init; }
}

internal sealed record EdbEdgeShape
{
    public required string Source { get; init; }

    public required string Target { get; init; }

    public required string Type { get; init; }

    public required double Weight { get; init; }

    public required bool Bidirectional { get; init; }

    public required JsonElement? Properties { get; init; }
}

internal sealed record EdbNetworkShape
{
    public required string Focus_entity { get; init; }

    public required EdbNodeShape[] Nodes { get; init; }

    public required EdbEdgeShape[] Edges { get; init; }

    public required int Depth { get; init; }

    public required int Total_nodes { get; init; }

    public required int Total_edges { get; init; }

    public required string Generated_at { get; init; }
}

internal sealed record EdbLoginBody
{
    public required string Username { get; init; }

    public required string Password { get; init; }
}

internal sealed record EdbUserShape
{
    public required string Id { get; init; }

    public required string Username { get; init; }

    public required string Email { get; init; }

    public required string[] Roles { get; init; }
}

internal sealed record EdbLoginShape
{
    public required string Token { get; init; }

    public required string Expires_at { get; init; }

    public required string User_id { get; init; }

    public required EdbUserShape User { get; init; }
}

internal sealed record EdbUserBody
{
    public required string Username { get; init; }

    public required string Password { get; init; }

    public string? Email { get; init; }

    public string? Role { get; init; }
}

internal sealed record EdbPasswordBody
{
    public string? Username { get; init; }

    public required string Current_password { get; init; }

    public required string New_password { get; init; }
}

internal sealed record EdbResetBody
{
    public string? Username { get; init; }

    public string? User_id { get; init; }

    public required string Password { get; init; }
}

internal sealed record EdbConfigBody
{
    public string? Namespace { get; init; }

    public required string Key { get; init; }

    public JsonElement? Value { get; init; }
}

internal sealed record EdbFlagBody
{
    public required string Flag { get; init; }

    public bool? Enabled { get; init; }

    public string? Stage { get; init; }
}

internal sealed record EdbIndexHealthShape
{
    public required string Status { get; init; }

    public string? Error { get; init; }
}

internal sealed record EdbHealthShape
{
    public required long Entity_count { get; init; }

    public required EdbIndexHealthShape Index_health { get; init; }

    public required string Status { get; init; }

    public required long Timestamp { get; init; }
}

internal sealed record EdbReindexShape
{
    public required string Status { get; init; }

    public required string Message { get; init; }

    public required int Shards_checked { get; init; }

    public required long Bytes_checked { get; init; }

    public required string[] Findings { get; init; }
}

internal sealed record EdbBuildShape
{
    public required string Status { get; init; }

    public required string Version { get; init; }
}

internal sealed record EdbChecksShape
{
    public required string Database { get; init; }
}

internal sealed record EdbPublicHealthShape
{
    public required string Status { get; init; }

    public required string Timestamp { get; init; }

    public required string Version { get; init; }

    public required EdbChecksShape Checks { get; init; }
}
