using EntityActors.Storage.Model;

namespace EntityActors.Storage.Indexes;

/// <summary>Answers tag queries by set algebra over the layers of a shard's tag index, as of any moment.</summary>
public static class TagQueryEvaluator
{
    private static readonly string[] AnyLifecycle = [LifecycleTags.Active, LifecycleTags.Deleted, LifecycleTags.Archived];

    /// <summary>Ordinals of the entities that match, as the read sees them.</summary>
    public static OrdinalSet Evaluate(IReadOnlyList<IPostingSource> oldestFirst, TagQuery query, AsOf asOf)
    {
        OrdinalSet? matching = null;
        foreach (var pattern in query.Tags)
        {
            var holders = HoldersOf(oldestFirst, query.Dataset, pattern, asOf);
            if (matching is null) matching = holders;
            else if (query.MatchAny) matching.Or(holders);
            else matching.And(holders);
            if (!query.MatchAny && matching.IsEmpty) return matching;
        }

        var living = InLifecycle(oldestFirst, query, asOf);
        if (matching is null) matching = living;
        else matching.And(living);
        foreach (var pattern in query.Not)
        {
            if (matching.IsEmpty) break;
            matching.AndNot(HoldersOf(oldestFirst, query.Dataset, pattern, asOf));
        }

        if (!matching.IsEmpty) matching.AndNot(Purged(oldestFirst, query.Dataset));
        return matching;
    }

    /// <summary>Tags in the order of <see cref="Utf8Order"/> with the number of active entities that hold them; lazily, none with 0.</summary>
    public static IEnumerable<(string Tag, long Count)> CountTags(
        IReadOnlyList<IPostingSource> oldestFirst, string dataset, string prefix, string? after, AsOf asOf)
    {
        var active = Holders(oldestFirst, dataset, LifecycleTags.Active, asOf);
        active.AndNot(Purged(oldestFirst, dataset));
        foreach (var tag in TagsOf(oldestFirst, dataset, prefix, after))
        {
            var holders = Holders(oldestFirst, dataset, tag, asOf);
            holders.And(active);
            if (!holders.IsEmpty) yield return (tag, holders.Count);
        }
    }

    /// <summary>Entities of a dataset that were purged. No read sees them, whatever moment it asks about, so no moment is asked about here.</summary>
    public static OrdinalSet Purged(IReadOnlyList<IPostingSource> oldestFirst, string dataset) =>
        Holders(oldestFirst, dataset, LifecycleTags.Purged, AsOf.Everything);

    /// <summary>Datasets in order with the number of their active entities; lazily, none with 0.</summary>
    public static IEnumerable<(string Dataset, long Count)> CountDatasets(IReadOnlyList<IPostingSource> oldestFirst, string? after, AsOf asOf)
    {
        foreach (var dataset in Merged(oldestFirst.Select(source => source.DatasetsFrom(after))))
        {
            var active = Holders(oldestFirst, dataset, LifecycleTags.Active, asOf);
            active.AndNot(Purged(oldestFirst, dataset));
            if (!active.IsEmpty) yield return (dataset, active.Count);
        }
    }

    /// <summary>Names of the dataset's tags, now or ever, in order, each once; each is looked up, its tags are not walked.</summary>
    public static IEnumerable<string> TagNames(IReadOnlyList<IPostingSource> sources, string dataset)
    {
        string? after = null;
        while (TagsOf(sources, dataset, prefix: "", after).FirstOrDefault() is { } tag)
        {
            var name = tag[..tag.IndexOf(':', StringComparison.Ordinal)];
            yield return name;
            // The character behind the colon: no tag of this name comes after it.
            after = name + ';';
        }
    }

    private static OrdinalSet InLifecycle(IReadOnlyList<IPostingSource> sources, TagQuery query, AsOf asOf)
    {
        if (query.Lifecycle is { } lifecycle) return Holders(sources, query.Dataset, LifecycleTags.Of(lifecycle), asOf);
        var set = new OrdinalSet();
        foreach (var tag in AnyLifecycle) set.Or(Holders(sources, query.Dataset, tag, asOf));
        return set;
    }

    private static OrdinalSet HoldersOf(IReadOnlyList<IPostingSource> sources, string dataset, TagPattern pattern, AsOf asOf)
    {
        if (!pattern.IsPrefix)
        {
            // A text without a colon is no tag; it must not reach the pseudo-tags.
            return LifecycleTags.IsPseudo(pattern.Text) ? new OrdinalSet() : Holders(sources, dataset, pattern.Text, asOf);
        }

        var set = new OrdinalSet();
        foreach (var tag in TagsOf(sources, dataset, pattern.Text, after: null)) set.Or(Holders(sources, dataset, tag, asOf));
        return set;
    }

    internal static OrdinalSet Holders(IReadOnlyList<IPostingSource> sources, string dataset, string tag, AsOf asOf)
    {
        var held = new OrdinalSet();
        for (var i = 0; i < sources.Count; i++) sources[i].ApplyTo(held, dataset, tag, asOf);
        return held;
    }

    /// <summary>Tags of all layers in order, each once.</summary>
    internal static IEnumerable<string> TagsOf(IReadOnlyList<IPostingSource> sources, string dataset, string prefix, string? after) =>
        Merged(sources.Select(source => source.TagsFrom(dataset, prefix, after)));

    /// <summary>Ordered texts as one ordered list, each once.</summary>
    private static IEnumerable<string> Merged(IEnumerable<IEnumerable<string>> ordered)
    {
        var next = new PriorityQueue<IEnumerator<string>, string>(Utf8Order.Instance);
        try
        {
            foreach (var texts in ordered) Enqueue(texts.GetEnumerator());
            string? last = null;
            while (next.TryDequeue(out var texts, out var text))
            {
                Enqueue(texts);
                if (text == last) continue;
                last = text;
                yield return text;
            }
        }
        finally
        {
            foreach (var (texts, _) in next.UnorderedItems) texts.Dispose();
        }

        void Enqueue(IEnumerator<string> texts)
        {
            if (texts.MoveNext()) next.Enqueue(texts, texts.Current);
            else texts.Dispose();
        }
    }
}
