namespace EntityActors.Actors.Hosting;

/// <summary>Key of the store's shard region in the actor registry.</summary>
public sealed class StoreRegion;
