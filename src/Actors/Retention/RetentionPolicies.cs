using System.Collections.Immutable;
using EntityActors.Actors.Client;
using EntityActors.Actors.Protocol;
using EntityActors.Storage.Model;

namespace EntityActors.Actors.Retention;

/// <summary>The policies of a store, which are entities of a reserved dataset. Every method fails as <see cref="IEntityStore"/> does.</summary>
public sealed class RetentionPolicies(IEntityStore store)
{
    private const string ContentType = "application/json";
    private const int PageLimit = 500;

    /// <returns>Null when the dataset has none.</returns>
    public async Task<RetentionPolicy?> GetAsync(string dataset, CancellationToken cancellation)
    {
        var found = await store.GetAsync(RetentionPolicy.KeyOf(dataset), null, withContent: true, cancellation);
        return found is { Head.Lifecycle: Lifecycle.Active, Content: { } content } ? RetentionPolicy.Decode(dataset, content.Bytes) : null;
    }

    public Task<CommandResult> PutAsync(RetentionPolicy policy, CommandId id, string author, CancellationToken cancellation) => store.ExecuteAsync(
        new PutEntity(RetentionPolicy.KeyOf(policy.Dataset), id, author, null, default, [], new Content(ContentType, policy.Encode())), cancellation);

    public Task<CommandResult> RemoveAsync(string dataset, CommandId id, string author, CancellationToken cancellation) =>
        store.ExecuteAsync(new DeleteEntity(RetentionPolicy.KeyOf(dataset), id, author, null, default), cancellation);

    public async Task<ImmutableArray<RetentionPolicy>> ListAsync(CancellationToken cancellation)
    {
        var policies = ImmutableArray.CreateBuilder<RetentionPolicy>();
        string? cursor = null;
        do
        {
            var query = new TagQuery(RetentionPolicy.StoredIn, [], MatchAny: false, [], Lifecycle.Active);
            var page = await store.QueryAsync(new EntityQuery(query, null, PageLimit, cursor, Count: false, WithContent: true), cancellation);
            foreach (var item in page.Items)
            {
                if (item.Content is { } content) policies.Add(RetentionPolicy.Decode(item.Head.Key.Id, content.Bytes));
            }

            cursor = page.Cursor;
        }
        while (cursor is not null);
        policies.Sort(static (left, right) => string.CompareOrdinal(left.Dataset, right.Dataset));
        return policies.ToImmutable();
    }
}
