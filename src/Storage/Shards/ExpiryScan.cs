using EntityActors.Storage.Model;

namespace EntityActors.Storage.Shards;

/// <summary>What one look for expired entities found.</summary>
/// <param name="Expired">To be deleted, each if it still has this revision.</param>
/// <param name="From">Nothing that expires before this minute is left: the next look begins here.</param>
/// <param name="Next">When the next one expires, as far as this look saw; null when none does.</param>
public sealed record ExpiryScan(IReadOnlyList<EntityHead> Expired, Timestamp From, Timestamp? Next);
