using System.Collections.Immutable;
using EntityActors.Actors.Protocol;

namespace EntityActors.Actors.Queries;

/// <summary>The page of a query being filled, bounded in items and in bytes of content.</summary>
internal sealed class QueryPage(int limit, long bytesMax)
{
    private readonly ImmutableArray<EntitySnapshot>.Builder _items = ImmutableArray.CreateBuilder<EntitySnapshot>();
    private long _bytes;

    public int Count => _items.Count;

    public ImmutableArray<EntitySnapshot> Items => _items.ToImmutable();

    /// <param name="next">First ordinal of this shard that is not in the page, when it is full.</param>
    /// <returns>False when the page is full and this shard has more.</returns>
    public bool TryTake(EntitiesFound answer, out uint next)
    {
        foreach (var item in answer.Items)
        {
            next = item.Head.Ordinal;
            if (_items.Count == limit || _bytes >= bytesMax) return false;
            _items.Add(item);
            _bytes += item.Content?.InlineBytes ?? 0;
        }

        next = answer.Next ?? 0;
        return answer.Next is null;
    }
}
