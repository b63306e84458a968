using System.Collections.Immutable;
using System.Text.Json.Nodes;

namespace EntityActors.Tests.Shared.Model;

/// <summary>State of an entity in the reference model.</summary>
/// <param name="Tags">In ordinal order. A deleted entity keeps them.</param>
/// <param name="Content">Content as canonical JSON text (bytes as base64 text); null without content.</param>
public sealed record ModelState(bool IsDeleted, ImmutableArray<string> Tags, string? ContentType, string? Content)
{
    public const string JsonType = "application/json";
    public const string BytesType = "application/octet-stream";

    /// <summary>Two JSON texts of one value become one text.</summary>
    public static string? Canonical(string? json) => json is null ? null : JsonNode.Parse(json)!.ToJsonString();
}

/// <summary>What one change adds to a history.</summary>
public sealed record ModelDelta(
    ImmutableArray<string> Added, ImmutableArray<string> Removed, bool LifecycleChanged, bool SetsContent, ModelState After);

/// <summary>A change known to be in the store's history, and the state after it.</summary>
public sealed record ModelChange(long Revision, long At, ModelState After);
