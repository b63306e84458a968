using EntityActors.Tests.Shared.Http;

namespace EntityActors.Chaos.Histories;

/// <summary>What one answered read showed of one entity.</summary>
/// <param name="Seen">Null: absent or deleted, or, in a query, without <paramref name="Tag"/>.</param>
/// <param name="Tag">Of a query; null for a get.</param>
public sealed record ClientRead(string Client, string Node, string Id, long Called, long Returned, EntityShape? Seen, string? Tag)
{
    public override string ToString() => $"{Client} {(Tag is null ? "get" : $"query {Tag}")} {Id} at {Node}: "
        + (Seen is null ? "nothing" : $"revision {Seen.Revision} [{string.Join(' ', Seen.Tags)}] {Seen.ContentType} {Seen.ContentText}");
}

/// <summary>An answer about the past, which the final history must give again.</summary>
/// <param name="Ids">Every entity that was asked about.</param>
/// <param name="Seen">The answer; those that are missing were absent, deleted or without <paramref name="Tag"/>.</param>
public sealed record PastRead(
    string Client, string Node, IReadOnlyList<string> Ids, string? Tag, long AsOf, long Called, long Returned, IReadOnlyList<EntityShape> Seen);
