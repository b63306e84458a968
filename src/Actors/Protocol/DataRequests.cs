using System.Collections.Immutable;
using EntityActors.Storage.Model;

namespace EntityActors.Actors.Protocol;

/// <summary>One shard's part of a sorted query; the entities follow by <see cref="GetByOrdinals"/>. Answers: <see cref="EntitiesSorted"/>.</summary>
/// <param name="After">Places behind this one; null from the first.</param>
/// <param name="Limit">Most places in the answer.</param>
public sealed record SortEntities(ShardId Shard, TagQuery Query, AsOf AsOf, EntitySort Sort, SortPlace? After, int Limit, bool Count) : IQueryRequest;

/// <summary>Entities by ordinals, which a query of the same moment told. Answers: <see cref="EntitiesFound"/>, in the order asked for.</summary>
public sealed record GetByOrdinals(ShardId Shard, AsOf AsOf, ImmutableArray<uint> Ordinals, bool WithContent) : IQueryRequest;

/// <summary>One shard's part of a list of datasets. Answers: <see cref="DatasetsFound"/>.</summary>
/// <param name="After">Datasets after this one; null from the first.</param>
public sealed record ListDatasets(ShardId Shard, string? After, AsOf AsOf, int Limit) : IQueryRequest;

/// <summary>Active entities of one shard by their ids; those that are not there are left out. Answers: <see cref="RelatedFound"/>.</summary>
public sealed record GetActive(ShardId Shard, string Dataset, ImmutableArray<string> Ids, AsOf AsOf) : IQueryRequest;

/// <summary>Active entities of one shard with a tag whose value is one of these ids. Answers: <see cref="RelatedFound"/>.</summary>
/// <param name="Type">Name of the tags; null is any.</param>
public sealed record FindReferrers(ShardId Shard, string Dataset, string? Type, ImmutableArray<string> Ids, AsOf AsOf, int Limit) : IQueryRequest;

/// <summary>Place of an entity in a sorted list of its shard's: its key as bytes that order as the keys do, then its ordinal.</summary>
/// <param name="Ordinal">As a long, so that a place behind all entities with a key can be named.</param>
public sealed record SortPlace(ReadOnlyMemory<byte> Key, long Ordinal);

/// <param name="ContentBytes">Length of its content.</param>
public sealed record SortedEntity(SortPlace Place, long ContentBytes);

/// <param name="HasMore">This shard has matches behind these.</param>
/// <param name="Total">All matches of this shard, when they were asked for.</param>
public sealed record EntitiesSorted(ShardId Shard, ImmutableArray<SortedEntity> Items, bool HasMore, long? Total);

public sealed record DatasetsFound(ShardId Shard, ImmutableArray<DatasetCount> Items, bool HasMore);

/// <param name="IsCut">There were more than the limits allow.</param>
public sealed record RelatedFound(ShardId Shard, ImmutableArray<EntityHead> Items, bool IsCut);
