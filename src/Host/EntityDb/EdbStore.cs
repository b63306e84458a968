using System.Collections.Immutable;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using EntityActors.Actors.Client;
using EntityActors.Actors.Protocol;
using EntityActors.Host.Http;
using EntityActors.Host.Security;
using EntityActors.Storage.Format;
using EntityActors.Storage.Model;

namespace EntityActors.Host.EntityDb;

/// <summary>The store as EntityDB's clients see it: ids without a dataset, lists over all datasets.</summary>
/// <remarks>
/// An id that is made here begins with a hash of its dataset, so that it is looked for there first and nothing has to be kept about it. Any other id is
/// looked for in every dataset that the user may read.
/// </remarks>
internal sealed class EdbStore(IEntityStore store, EdbDatasets datasets)
{
    /// <summary>Matches of one query that are looked at, over all datasets.</summary>
    public const int MatchesMax = 100_000;

    private const int HashDigits = 8;
    private const int RandomBytes = 12;
    private const int PageLimit = 1_000;

    public static string NewId(string dataset) =>
        HashOf(dataset) + Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(RandomBytes));

    /// <summary>Datasets that the user may read, or the one that the path names.</summary>
    /// <exception cref="ApiProblem">403: the path names one that the user may not read.</exception>
    private async Task<IReadOnlyList<string>> ReadableAsync(HttpContext context, string? dataset)
    {
        if (dataset is not null)
        {
            context.Demand("entity", "read", dataset);
            return [dataset];
        }

        var principal = context.Principal();
        return [.. (await datasets.NamesAsync(context.RequestAborted)).Where(name => principal.May("entity", "read", name))];
    }

    /// <summary>An entity by its id, whatever its lifecycle, or null.</summary>
    /// <param name="dataset">The dataset that the path names; null looks in all.</param>
    public async Task<EntitySnapshot?> FindAsync(HttpContext context, string id, string? dataset, Timestamp? asOf = null, bool withContent = true)
    {
        if (RequestTarget.IdProblem(id) is not null || EntityKey.Problem(EdbTags.DatasetDefault, id) is not null) return null;
        if (dataset is not null) return await FindAsync(await ReadableAsync(context, dataset));
        var principal = context.Principal();
        var known = datasets.Known.Where(name => id.StartsWith(HashOf(name), StringComparison.Ordinal) && principal.May("entity", "read", name)).ToList();
        if (await FindAsync(known) is { } found) return found;
        var names = await ReadableAsync(context, dataset: null);
        return await FindAsync(names.Except(known, StringComparer.Ordinal).OrderByDescending(name => id.StartsWith(HashOf(name), StringComparison.Ordinal)));

        async Task<EntitySnapshot?> FindAsync(IEnumerable<string> among)
        {
            foreach (var name in among)
            {
                if (await store.GetAsync(new EntityKey(name, id), asOf, withContent, context.RequestAborted) is { } entity
                    && entity.Head.Lifecycle != Lifecycle.Purged) return entity;
            }

            return null;
        }
    }

    /// <exception cref="ApiProblem">404.</exception>
    public async Task<EntitySnapshot> GetAsync(HttpContext context, string id, string? dataset, bool withContent = true) =>
        await FindAsync(context, id, dataset, asOf: null, withContent) ?? throw NotFound();

    public static ApiProblem NotFound() => ApiProblem.NotFound("Entity not found");

    /// <exception cref="ApiProblem">What the store refused.</exception>
    public async Task<Commit> ExecuteAsync(HttpContext context, EntityCommand command) => await store.ExecuteAsync(command, context.RequestAborted) switch
    {
        CommandResult.Committed committed => committed.Commit,
        CommandResult.Refused { Refusal.Code: RefusalCode.NotFound } => throw NotFound(),
        CommandResult.Refused refused => throw ApiProblem.Of(refused.Refusal),
        var other => throw new InvariantViolationException($"unknown result {other.GetType()}"),
    };

    /// <summary>All heads that match, in the order of datasets, then of the store.</summary>
    /// <exception cref="ApiProblem">400: more than <see cref="MatchesMax"/>.</exception>
    public async Task<List<EntityHead>> MatchesAsync(HttpContext context, string? dataset, EdbFilter filter)
    {
        var matches = new List<EntityHead>();
        foreach (var name in await ReadableAsync(context, dataset))
        {
            var query = new EntityQuery(new TagQuery(name, filter.Tags, filter.MatchesAny, [], filter.Lifecycle), null, PageLimit, null, Count: false,
                WithContent: filter.Search is not null);
            EntityPage page;
            do
            {
                page = await store.QueryAsync(query, context.RequestAborted);
                matches.AddRange(page.Items.Where(filter.Matches).Select(static item => item.Head));
                if (matches.Count > MatchesMax) throw ApiProblem.Invalid($"More than {MatchesMax} entities match: narrow the query");
                query = query with { Cursor = page.Cursor };
            }
            while (page.Cursor is not null);
        }

        return matches;
    }

    /// <summary>The entity as it was when it matched.</summary>
    public async Task<EntitySnapshot> AsMatchedAsync(EntityHead head, CancellationToken cancellation) =>
        await store.GetAsync(head.Key, head.UpdatedAt, withContent: true, cancellation) is { } found && found.Head.Revision == head.Revision
            ? found
            : new EntitySnapshot(head, null);

    /// <summary>When each tag that an entity holds came to it last.</summary>
    public async Task<IReadOnlyDictionary<string, Timestamp>> TagTimesAsync(EntityHead head, CancellationToken cancellation)
    {
        var times = new Dictionary<string, Timestamp>(StringComparer.Ordinal);
        if (head.Revision == 1)
        {
            foreach (var tag in head.Tags) times[tag.Text] = head.CreatedAt;
            return times;
        }

        var query = new HistoryQuery(head.Key, null, head.UpdatedAt, 0, HistoryQuery.LimitMax);
        HistoryPage page;
        do
        {
            page = await store.HistoryAsync(query, cancellation);
            foreach (var change in page.Changes)
            {
                foreach (var tag in change.Added) times[tag.Text] = change.At;
            }

            if (page.HasMore) query = query with { AfterRevision = page.Changes[^1].Revision };
        }
        while (page.HasMore);
        return times;
    }

    public Task<HistoryPage> HistoryAsync(HistoryQuery query, CancellationToken cancellation) => store.HistoryAsync(query, cancellation);

    /// <summary>Values of a tag's name, ordered, with the number of active entities that hold each.</summary>
    public async Task<SortedDictionary<string, long>> ValuesAsync(HttpContext context, string? dataset, string name)
    {
        var values = new SortedDictionary<string, long>(StringComparer.Ordinal);
        foreach (var readable in await ReadableAsync(context, dataset))
        {
            var query = new TagListQuery(readable, QueryEndpoints.CheckPrefix(name + ":"), null, null, TagListQuery.LimitMax);
            TagPage page;
            do
            {
                page = await store.TagsAsync(query, context.RequestAborted);
                foreach (var (tag, count) in page.Items.Select(static item => (item.Tag, item.Count)))
                {
                    var value = tag[(name.Length + 1)..];
                    values[value] = values.GetValueOrDefault(value) + count;
                }

                if (page.HasMore) query = query with { After = page.Items[^1].Tag };
            }
            while (page.HasMore);
        }

        return values;
    }

    /// <summary>Active entities of the datasets that the user may read.</summary>
    public async Task<long> CountAsync(HttpContext context, string? dataset)
    {
        var count = 0L;
        foreach (var name in await ReadableAsync(context, dataset))
        {
            var query = new EntityQuery(new TagQuery(name, [], false, [], Lifecycle.Active), null, 1, null, Count: true, WithContent: false);
            count += (await store.QueryAsync(query, context.RequestAborted)).Total ?? 0;
        }

        return count;
    }

    private static string HashOf(string dataset) =>
        Crc32C.Compute(Encoding.UTF8.GetBytes(dataset)).ToString("x8", CultureInfo.InvariantCulture)[..HashDigits];
}
