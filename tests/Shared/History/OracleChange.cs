using System.Collections.Immutable;

namespace EntityActors.Tests.Shared.History;

/// <summary>A change as the store must tell it, and the state after it.</summary>
/// <param name="Added">Tags this change added, in ordinal order.</param>
/// <param name="Removed">Tags this change removed, in ordinal order.</param>
/// <param name="Tags">Tags held after it, in ordinal order. A deleted entity keeps them.</param>
/// <param name="ContentJson">Content after it.</param>
public sealed record OracleChange(
    long Revision, long At, bool IsPut, ImmutableArray<string> Added, ImmutableArray<string> Removed, ImmutableArray<string> Tags,
    string? ContentJson);
