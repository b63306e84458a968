namespace EntityActors.Actors.Shards;

/// <summary>How a shard is opened.</summary>
/// <param name="GenerationsBack">Newest headers to pass over, for a longer replay.</param>
/// <param name="ToleratesLoss">Go on without entities whose state in the segments is damaged beyond repair.</param>
public sealed record ShardOpening(int GenerationsBack, bool ToleratesLoss)
{
    public static readonly ShardOpening Newest = new(0, ToleratesLoss: false);
}
