using System.Collections.Immutable;
using System.Globalization;
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
/// <param name="Next">Where the next pass goes on, for <see cref="RetentionPass.Resume"/>; null when this one came to the end.</param>
/// <param name="Failure">The first failure, of the list of entities or of a shard that kept its histories; null when none. All else was looked at.</param>
public sealed record RetentionOutcome(ImmutableArray<RetentionItem> Items, TrimmedCount Trimmed, string? Next, StoreException? Failure = null);

/// <summary>Applies one policy: lets go of deleted and archived entities that are old enough, page by page, and of histories. For one caller.</summary>
/// <remarks>
/// Each goes by an ordinary command with the author <see cref="Author"/>, under the condition that it is as it was found; so two nodes
/// that apply the same policy do no harm. The next pass goes on where this one ended, with entities and with histories, of which neither waits for
/// the other. What goes leaves the lists that are looked at, and nothing else is written, so a policy that finds nothing writes nothing.
/// </remarks>
public sealed class RetentionPass(IEntityStore store, RetentionPolicy policy)
{
    public const string Author = "retention";

    private const int PageLimit = 500;

    private readonly ImmutableArray<(Lifecycle Lifecycle, TimeSpan Age)> _rules = RulesOf(policy);
    private readonly HistoryTrimmer _trimmer = new(store, policy);
    private int _rule;
    private string? _cursor;

    private bool IsListed => _rule == _rules.Length;

    /// <summary>Goes on where another pass ended, instead of at the beginning.</summary>
    /// <exception cref="InvalidQueryException">No pass of this policy ended there.</exception>
    public void Resume(string next)
    {
        if (next.Split('.', 3) is not [var shard, var rule, var cursor] || !_trimmer.TryResume(shard)
            || !int.TryParse(rule, NumberStyles.None, CultureInfo.InvariantCulture, out _rule) || _rule > _rules.Length)
        {
            throw new InvalidQueryException("the cursor is none of this policy");
        }

        _cursor = cursor.Length > 0 ? cursor : null;
    }

    /// <summary>What came to its end begins anew; the rest goes on.</summary>
    public void Restart()
    {
        if (IsListed) (_rule, _cursor) = (0, null);
        if (_trimmer.IsDone) _trimmer.Restart();
    }

    /// <summary>One pass over at most so many pages of entities, which lets go of at most so many of them, and as many pages of histories.</summary>
    /// <param name="dryRun">Nothing is written.</param>
    /// <param name="stepMin">Least step of a horizon; null moves it by any, and ends only between two shards, so that another pass can go on there.</param>
    public async Task<RetentionOutcome> RunAsync(
        Timestamp now, int pagesMax, int entitiesMax, bool dryRun, TimeSpan? stepMin, CancellationToken cancellation)
    {
        var (items, trimmed, failure) = (ImmutableArray.CreateBuilder<RetentionItem>(), default(TrimmedCount), default(StoreException));
        try
        {
            for (var pages = 0; !IsListed && pages < pagesMax && items.Count < entitiesMax; pages++) await PageAsync(now, items, dryRun, cancellation);
        }
        catch (StoreException unlisted)
        {
            failure = unlisted;
        }

        var asked = _trimmer.AskedCount;
        while (!_trimmer.IsDone && (_trimmer.AskedCount - asked < pagesMax || (stepMin is null && _trimmer.IsWithinShard)))
            trimmed += await _trimmer.PageAsync(now, stepMin, dryRun, cancellation);
        var next = IsListed && _trimmer.IsDone ? null : string.Create(CultureInfo.InvariantCulture, $"{_trimmer.Shard}.{_rule}.{_cursor}");
        return new RetentionOutcome(items.ToImmutable(), trimmed, next, _trimmer.TakeFailure() ?? failure);
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
