using System.Collections.Immutable;
using EntityActors.Actors.Client;
using EntityActors.Actors.Protocol;
using EntityActors.Storage.Model;

namespace EntityActors.Actors.Retention;

/// <summary>An entity that a policy lets go.</summary>
/// <param name="Since">The change that deleted or archived it.</param>
/// <param name="IsPurge">It is purged; otherwise it is deleted.</param>
public sealed record RetentionItem(EntityKey Key, long Revision, Timestamp Since, bool IsPurge);

/// <param name="Items">What went, or would go.</param>
/// <param name="Trimmed">What went of histories, or would go.</param>
/// <param name="HasMore">The pass ended at a limit.</param>
/// <param name="Failure">Why shards kept their histories, of the first one that failed; null when none did. All others were looked at.</param>
public sealed record RetentionOutcome(ImmutableArray<RetentionItem> Items, TrimmedCount Trimmed, bool HasMore, StoreException? Failure = null);

/// <summary>Applies one policy: lets go of deleted and archived entities that are old enough, page by page, then of histories. For one caller.</summary>
/// <remarks>
/// Each goes by an ordinary command with the author <see cref="Author"/>, under the condition that it is as it was found; so two nodes
/// that apply the same policy do no harm. The next pass goes on where this one ended. What goes leaves the lists that are looked at, and nothing
/// else is written, so a policy that finds nothing writes nothing.
/// </remarks>
public sealed class RetentionPass(IEntityStore store, RetentionPolicy policy)
{
    public const string Author = "retention";

    private const int PageLimit = 500;

    private readonly ImmutableArray<(Lifecycle Lifecycle, TimeSpan Age)> _rules = RulesOf(policy);
    private readonly HistoryTrimmer _trimmer = new(store, policy);
    private int _rule;
    private string? _cursor;

    /// <summary>One pass over at most so many pages, which lets go of at most so many entities.</summary>
    /// <param name="dryRun">Nothing is written.</param>
    /// <param name="stepMin">Least step of a horizon; null moves it by any.</param>
    public async Task<RetentionOutcome> RunAsync(
        Timestamp now, int pagesMax, int entitiesMax, bool dryRun, TimeSpan? stepMin, CancellationToken cancellation)
    {
        var (items, trimmed) = (ImmutableArray.CreateBuilder<RetentionItem>(), default(TrimmedCount));
        for (var pages = 0; _rule < _rules.Length || !_trimmer.IsDone; pages++)
        {
            if (pages == pagesMax || items.Count >= entitiesMax) return new RetentionOutcome(items.ToImmutable(), trimmed, HasMore: true);
            if (_rule < _rules.Length) await PageAsync(now, items, dryRun, cancellation);
            else trimmed += await _trimmer.PageAsync(now, stepMin, dryRun, cancellation);
        }

        (_rule, _cursor) = (0, null);
        return new RetentionOutcome(items.ToImmutable(), trimmed, HasMore: false, _trimmer.Restart());
    }

    private async Task PageAsync(Timestamp now, ImmutableArray<RetentionItem>.Builder items, bool dryRun, CancellationToken cancellation)
    {
        var (lifecycle, age) = _rules[_rule];
        var query = new TagQuery(policy.Dataset, [], MatchAny: false, [], lifecycle);
        var page = await store.QueryAsync(new EntityQuery(query, null, PageLimit, _cursor, Count: false, WithContent: false), cancellation);
        foreach (var head in page.Items.Select(static item => item.Head).Where(head => head.UpdatedAt.Plus(age) <= now))
        {
            var item = new RetentionItem(head.Key, head.Revision, head.UpdatedAt, lifecycle == Lifecycle.Deleted);
            if (dryRun || await store.ExecuteAsync(CommandFor(item), cancellation) is CommandResult.Committed) items.Add(item);
        }

        _cursor = page.Cursor;
        if (_cursor is null) _rule++;
    }

    private static EntityCommand CommandFor(RetentionItem item)
    {
        var condition = RevisionCondition.MustBe(item.Revision);
        return item.IsPurge
            ? new PurgeEntity(item.Key, CommandId.New(), Author, condition)
            : new DeleteEntity(item.Key, CommandId.New(), Author, null, condition);
    }

    private static ImmutableArray<(Lifecycle, TimeSpan)> RulesOf(RetentionPolicy policy)
    {
        var rules = ImmutableArray.CreateBuilder<(Lifecycle, TimeSpan)>();
        if (policy.PurgeDeletedAfter is { } deleted) rules.Add((Lifecycle.Deleted, deleted));
        if (policy.DeleteArchivedAfter is { } archived) rules.Add((Lifecycle.Archived, archived));
        return rules.ToImmutable();
    }
}
