using System.Collections.Immutable;
using EntityActors.Actors.Protocol;
using EntityActors.Storage.Model;

namespace EntityActors.Actors.Queries;

/// <summary>Walks along relations, step by step, all at one moment. A relation is a tag whose value is the id of an active entity of the dataset.</summary>
internal sealed class RelationRunner(ShardAsker shards)
{
    /// <returns>Null when there is no such active entity.</returns>
    public async Task<RelationGraph?> RunAsync(RelationQuery query, Timestamp? moment, Timestamp now, CancellationToken cancellation)
    {
        var walk = new Walk(shards, query, await shards.FixTimesAsync(moment, now, MissingShards.None, cancellation));
        return await walk.RunAsync(cancellation);
    }

    private sealed class Walk(ShardAsker shards, RelationQuery query, AsOf asOf)
    {
        private readonly Dictionary<string, RelationNode> _nodes = new(StringComparer.Ordinal);
        private readonly HashSet<RelationEdge> _edges = [];
        private readonly HashSet<string> _absent = new(StringComparer.Ordinal);
        private List<EntityHead> _frontier = [];
        private List<EntityHead> _next = [];
        private int _depth;
        private int _lookups;
        private bool _isTruncated;

        public async Task<RelationGraph?> RunAsync(CancellationToken cancellation)
        {
            foreach (var start in await FindAsync([query.Start.Id], cancellation)) TryAdd(start);
            if (_nodes.Count == 0) return null;
            while (_depth < query.Depth && _next.Count > 0)
            {
                (_frontier, _next) = (_next, []);
                _depth++;
                if (query.Direction != RelationDirection.In) await FollowAsync(cancellation);
                if (query.Direction != RelationDirection.Out) await FollowBackAsync(cancellation);
            }

            return new RelationGraph(
                [.. _nodes.Values.OrderBy(static node => node.Depth).ThenBy(static node => node.Head.Key.Id, StringComparer.Ordinal)],
                [.. _edges.OrderBy(static edge => edge.From, StringComparer.Ordinal).ThenBy(static edge => edge.Type, StringComparer.Ordinal)
                    .ThenBy(static edge => edge.To, StringComparer.Ordinal)],
                _isTruncated);
        }

        private async Task FollowAsync(CancellationToken cancellation)
        {
            var candidates = _frontier.SelectMany(Relations).ToList();
            var unknown = candidates.Select(static edge => edge.To).Where(id => !_nodes.ContainsKey(id) && !_absent.Contains(id)).Distinct().ToList();
            var allowed = Math.Max(0, RelationQuery.LookupCountMax - _lookups);
            _isTruncated |= unknown.Count > allowed;
            var asked = unknown.Take(allowed).ToList();
            _lookups += asked.Count;
            var found = (await FindAsync(asked, cancellation)).ToDictionary(static head => head.Key.Id, StringComparer.Ordinal);
            _absent.UnionWith(asked.Where(id => !found.ContainsKey(id)));
            foreach (var edge in candidates)
            {
                if (_nodes.ContainsKey(edge.To) || (found.TryGetValue(edge.To, out var head) && TryAdd(head))) Add(edge);
            }
        }

        private async Task FollowBackAsync(CancellationToken cancellation)
        {
            var ids = _frontier.Select(static head => head.Key.Id).ToImmutableArray();
            var targets = ids.ToHashSet(StringComparer.Ordinal);
            var answers = await shards.AskAllAsync<RelatedFound>(
                shard => new FindReferrers(shard, query.Start.Dataset, query.Type, ids, asOf, RelationQuery.LimitMax),
                MissingShards.None, shards.Limits.QueryParallelMax, cancellation);
            foreach (var answer in answers)
            {
                _isTruncated |= answer.IsCut;
                foreach (var head in answer.Items)
                {
                    if (!_nodes.ContainsKey(head.Key.Id) && !TryAdd(head)) continue;
                    foreach (var edge in Relations(head).Where(edge => targets.Contains(edge.To))) Add(edge);
                }
            }
        }

        private IEnumerable<RelationEdge> Relations(EntityHead head) => head.Tags
            .Where(tag => query.Type is null || tag.Name == query.Type)
            .Select(tag => new RelationEdge(head.Key.Id, tag.Name, tag.Value))
            .Where(edge => EntityKey.Problem(query.Start.Dataset, edge.To) is null);

        private bool TryAdd(EntityHead head)
        {
            if (_nodes.Count == query.Limit)
            {
                _isTruncated = true;
                return false;
            }

            _nodes.Add(head.Key.Id, new RelationNode(head, _depth));
            _next.Add(head);
            return true;
        }

        private void Add(RelationEdge edge)
        {
            if (_edges.Count < RelationQuery.EdgeCountMax) _edges.Add(edge);
            else if (!_edges.Contains(edge)) _isTruncated = true;
        }

        private async Task<IEnumerable<EntityHead>> FindAsync(IReadOnlyCollection<string> ids, CancellationToken cancellation)
        {
            var found = new List<EntityHead>();
            foreach (var group in ids.GroupBy(id => (query.Start with { Id = id }).ShardOf(shards.ShardCount)).Chunk(shards.Limits.QueryParallelMax))
            {
                var asked = group.Select(part => shards.AskAsync<RelatedFound>(
                    new GetActive(part.Key, query.Start.Dataset, [.. part], asOf), MissingShards.None, cancellation));
                foreach (var answer in await Task.WhenAll(asked))
                {
                    _isTruncated |= answer!.IsCut;
                    found.AddRange(answer.Items);
                }
            }

            return found;
        }
    }
}
