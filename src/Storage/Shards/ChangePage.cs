using EntityActors.Storage.Model;

namespace EntityActors.Storage.Shards;

/// <summary>Part of a shard's changes, in the order in which they were recorded.</summary>
/// <param name="Through">
/// Every change recorded up to here is in this page or one before it, or was left out by the filter. The next page starts after it.
/// </param>
/// <param name="HasMore">The page ended at a limit; false when it reached the end of what was there.</param>
public sealed record ChangePage(IReadOnlyList<Change> Changes, Timestamp Through, bool HasMore);

/// <summary>Bounds of one <see cref="ChangePage"/>.</summary>
/// <param name="CountMax">Most changes.</param>
/// <param name="BytesMax">No further change is taken once those taken hold this many bytes; the first one always fits.</param>
/// <param name="ExaminedMax">Most changes looked at, those that the filter leaves out included.</param>
public readonly record struct ChangePageLimits(int CountMax, long BytesMax, int ExaminedMax);
