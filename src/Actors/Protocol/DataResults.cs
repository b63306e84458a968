using System.Collections.Immutable;
using EntityActors.Storage.Model;

namespace EntityActors.Actors.Protocol;

/// <summary>What a sorted query is sorted by. The numbers are part of the wire format.</summary>
public enum SortField
{
    Created = 1,
    Updated = 2,
    Id = 3,

    /// <summary>The first value, in the order of tags, of a tag name.</summary>
    Tag = 4,
}

/// <summary>Order of a query: by this field, then by shard and creation.</summary>
/// <param name="TagName">Of <see cref="SortField.Tag"/>; entities without such a tag sort as if its value were empty.</param>
public sealed record EntitySort(SortField Field, string? TagName, bool IsDescending)
{
    private const string TagPrefix = "tag:";

    /// <summary><c>created</c>, <c>updated</c>, <c>id</c> or <c>tag:NAME</c>, with <c>-</c> before it for descending.</summary>
    /// <returns>Null when the text is no order.</returns>
    public static EntitySort? Parse(string text)
    {
        var isDescending = text.StartsWith('-');
        var name = isDescending ? text[1..] : text;
        if (!name.StartsWith(TagPrefix, StringComparison.Ordinal))
        {
            return name switch
            {
                "created" => new EntitySort(SortField.Created, null, isDescending),
                "updated" => new EntitySort(SortField.Updated, null, isDescending),
                "id" => new EntitySort(SortField.Id, null, isDescending),
                _ => null,
            };
        }

        var tag = name[TagPrefix.Length..];
        return Tag.Problem(tag + ":") is null && !tag.Contains(':', StringComparison.Ordinal) ? new EntitySort(SortField.Tag, tag, isDescending) : null;
    }
}

public sealed record DatasetCount(string Dataset, long ActiveCount);

/// <param name="AsOf">Moment to ask about; null is now.</param>
/// <param name="After">Datasets after this one (the last of the page before); null from the first.</param>
public sealed record DatasetListQuery(Timestamp? AsOf, string? After, int Limit)
{
    public const int LimitMax = 1_000;
}

/// <summary>Datasets that hold active entities, in the order of their bytes.</summary>
public sealed record DatasetPage(ImmutableArray<DatasetCount> Items, bool HasMore);

/// <summary>Which way relations are followed.</summary>
public enum RelationDirection
{
    /// <summary>From an entity to those whose ids are values of its tags.</summary>
    Out = 1,

    /// <summary>To the entities with a tag whose value is its id.</summary>
    In = 2,

    Both = 3,
}

/// <param name="Type">Name of the tags that are followed; null is any.</param>
/// <param name="Limit">Most nodes of the answer.</param>
public sealed record RelationQuery(EntityKey Start, int Depth, RelationDirection Direction, string? Type, Timestamp? AsOf, int Limit)
{
    public const int DepthMax = 5;
    public const int LimitMax = 1_000;
    public const int EdgeCountMax = 10_000;

    /// <summary>Most values of tags that one walk looks up as ids.</summary>
    public const int LookupCountMax = 20_000;
}

/// <param name="Depth">Steps from the start, the fewest.</param>
public sealed record RelationNode(EntityHead Head, int Depth);

/// <summary>Entity <paramref name="From"/> has the tag <paramref name="Type"/>:<paramref name="To"/>.</summary>
public sealed record RelationEdge(string From, string Type, string To);

/// <summary>What a walk found, at one moment.</summary>
/// <param name="IsTruncated">A limit ended the walk: there may be more.</param>
public sealed record RelationGraph(ImmutableArray<RelationNode> Nodes, ImmutableArray<RelationEdge> Edges, bool IsTruncated);
