using System.Collections.Frozen;
using System.Collections.Immutable;

namespace EntityActors.Host.Security;

/// <summary>Roles that every store has and nobody changes.</summary>
internal static class BuiltInRoles
{
    public const string Administrator = "admin";

    public static readonly FrozenDictionary<string, ImmutableArray<Permission>> All = new Dictionary<string, ImmutableArray<Permission>>
    {
        [Administrator] = [Permission.Everything],
        ["writer"] = [.. new[] { "entity:read", "entity:write", "entity:delete", "entity:backfill", "dataset:read" }.Select(Permission.Parse)],
        ["reader"] = [.. new[] { "entity:read", "dataset:read" }.Select(Permission.Parse)],
    }.ToFrozenDictionary();
}
