using System.Collections.Immutable;
using EntityActors.Actors.Protocol;
using EntityActors.Storage.Indexes;
using EntityActors.Storage.Model;

namespace EntityActors.Actors.Queries;

/// <summary>Datasets over all shards: their counts added up, in the order of their bytes.</summary>
internal sealed class DatasetListRunner(ShardAsker shards)
{
    public async Task<DatasetPage> RunAsync(DatasetListQuery query, Timestamp? moment, Timestamp now, CancellationToken cancellation)
    {
        var asOf = await shards.FixTimesAsync(moment, now, MissingShards.None, cancellation);
        var answers = await shards.AskAllAsync<DatasetsFound>(shard => new ListDatasets(shard, query.After, asOf, query.Limit + 1),
            MissingShards.None, shards.Limits.QueryParallelMax, cancellation);
        // A shard tells its first datasets, more than the page holds, so each one of the page was counted by every shard that has it.
        var counts = new SortedDictionary<string, long>(Utf8Order.Instance);
        foreach (var item in answers.SelectMany(static answer => answer.Items))
            counts[item.Dataset] = counts.GetValueOrDefault(item.Dataset) + item.ActiveCount;
        var items = counts.Take(query.Limit).Select(static pair => new DatasetCount(pair.Key, pair.Value)).ToImmutableArray();
        return new DatasetPage(items, counts.Count > items.Length);
    }
}
