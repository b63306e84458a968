using System.Collections.Immutable;

namespace EntityActors.Tests.Shared.History;

/// <summary>What differs between two moments of one entity. A deleted entity counts as absent: no tags, no content.</summary>
/// <param name="RevisionBefore">Revision visible at the first moment; null when the entity was absent.</param>
/// <param name="RevisionAfter">Revision visible at the second moment; null when the entity was absent.</param>
public sealed record OracleDiff(
    ImmutableArray<string> Added, ImmutableArray<string> Removed, bool ContentChanged, long? RevisionBefore, long? RevisionAfter);
