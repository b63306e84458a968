using System.Collections.Immutable;
using EntityActors.Actors.Client;
using EntityActors.Actors.Protocol;
using EntityActors.Host.Http;
using EntityActors.Host.Security;
using EntityActors.Storage.Model;

namespace EntityActors.Host.EntityDb;

/// <summary>Names of the datasets that there are. Thread-safe.</summary>
/// <remarks>
/// A dataset that gets an entity here is declared, so that it is known also while it holds no active entity: a deleted one has to be found to be restored.
/// </remarks>
internal sealed class EdbDatasets(IEntityStore store)
{
    private volatile ImmutableSortedSet<string> _known = [];
    private ImmutableHashSet<string> _declared = [];

    /// <summary>Those that were there a while ago: to look first.</summary>
    public IReadOnlyCollection<string> Known => _known;

    /// <summary>Those that are there now.</summary>
    public async Task<IReadOnlyCollection<string>> NamesAsync(CancellationToken cancellation)
    {
        var names = ImmutableSortedSet.CreateBuilder<string>(StringComparer.Ordinal);
        string? after = null;
        DatasetPage held;
        do
        {
            held = await DatasetEndpoints.HeldAsync(store, null, after, DatasetListQuery.LimitMax, cancellation);
            names.UnionWith(held.Items.Select(static item => item.Dataset));
            after = held.Items.IsEmpty ? null : held.Items[^1].Dataset;
        }
        while (held.HasMore);
        var tags = new TagListQuery(DatasetEndpoints.Declared, DatasetEndpoints.TagPrefix, null, null, TagListQuery.LimitMax);
        TagPage declared;
        do
        {
            declared = await store.TagsAsync(tags, cancellation);
            names.UnionWith(declared.Items.Select(static item => item.Tag[DatasetEndpoints.TagPrefix.Length..]));
            if (declared.HasMore) tags = tags with { After = declared.Items[^1].Tag };
        }
        while (declared.HasMore);
        return _known = names.ToImmutable();
    }

    /// <summary>Before an entity is made in it.</summary>
    /// <exception cref="ApiProblem">The store refused.</exception>
    public async Task EnsureAsync(HttpContext context, string dataset)
    {
        if (!_declared.Contains(dataset)) _ = await TryDeclareAsync(context, dataset, description: null);
    }

    /// <returns>False when it was declared already.</returns>
    /// <exception cref="ApiProblem">The store refused.</exception>
    public async Task<bool> TryDeclareAsync(HttpContext context, string dataset, string? description)
    {
        var command = DatasetEndpoints.Declaration(dataset, description, CommandId.New(), context.Author());
        var refusal = (await store.ExecuteAsync(command, context.RequestAborted) as CommandResult.Refused)?.Refusal;
        if (refusal is { Code: not RefusalCode.PreconditionFailed }) throw ApiProblem.Of(refusal);
        ImmutableInterlocked.Update(ref _declared, static (set, name) => set.Add(name), dataset);
        return refusal is null;
    }
}
