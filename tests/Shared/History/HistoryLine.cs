using System.Collections.Immutable;

namespace EntityActors.Tests.Shared.History;

/// <summary>One line of the recorded history: a file was written or removed.</summary>
/// <param name="Number">Line number from 1.</param>
/// <param name="At">Nanoseconds since 1970, strictly rising over the file.</param>
/// <param name="Tags">Whole tag set from then on; empty for a delete.</param>
/// <param name="ContentJson">JSON text of the content; null for a delete.</param>
public sealed record HistoryLine(int Number, long At, bool IsPut, string Id, ImmutableArray<string> Tags, string? ContentJson);
