using System.Collections.Concurrent;
using System.Collections.Immutable;
using EntityActors.Storage.Model;

namespace EntityActors.Storage.Indexes;

/// <summary>Tag index over changes in memory. One writer, any number of concurrent readers, no locks.</summary>
/// <remarks>
/// Nothing is ever taken out: a tag that goes is an event like one that comes. A reader that runs beside the writer may or may
/// not meet a later event; under its <see cref="AsOf"/> that event is not visible either way.
/// </remarks>
public sealed class MemoryTagIndex : IPostingSource
{
    // Estimated from the shapes of .NET 10: an event is 24 bytes in an array that doubles; a new tag costs a dictionary entry, a posting
    // with its first array, and a node of the sorted set.
    private const int EventBytes = 24 * 2;
    private const int TagBytes = 320;

    private readonly ConcurrentDictionary<string, DatasetIndex> _datasets = new(StringComparer.Ordinal);
    private long _estimatedBytes;

    /// <summary>Upper estimate of the memory held, but for the texts of the tags, which belong to the changes.</summary>
    public long EstimatedBytes => Volatile.Read(ref _estimatedBytes);

    /// <summary>Adds what one change did. Only the owner may call it, in the order of the changes of each entity.</summary>
    /// <param name="before">State before the change; null for the first one.</param>
    public void Add(EntityHead? before, Change change)
    {
        var dataset = _datasets.GetOrAdd(change.Key.Dataset, static _ => new DatasetIndex());
        foreach (var tag in change.Removed) Append(dataset, tag.Text, change, added: false);
        foreach (var tag in change.Added) Append(dataset, tag.Text, change, added: true);
        AddExpiry(before, change);
        if (before is not null && before.Lifecycle == change.Lifecycle) return;
        if (before is not null) Append(dataset, LifecycleTags.Of(before.Lifecycle), change, added: false);
        Append(dataset, LifecycleTags.Of(change.Lifecycle), change, added: true);
    }

    private void AddExpiry(EntityHead? before, Change change)
    {
        var (old, now) = (ExpiryTags.Of(before?.ExpiresAt), ExpiryTags.Of(change.ExpiresAt));
        if (old == now) return;
        var expiries = _datasets.GetOrAdd(ExpiryTags.Dataset, static _ => new DatasetIndex());
        if (old is not null) Append(expiries, old, change, added: false);
        if (now is not null) Append(expiries, now, change, added: true);
    }

    public void ApplyTo(OrdinalSet held, string dataset, string tag, AsOf asOf)
    {
        if (!_datasets.TryGetValue(dataset, out var index) || !index.Postings.TryGetValue(tag, out var posting)) return;
        foreach (ref readonly var item in posting.Published)
        {
            if (!asOf.Sees(item.At, item.RecordedAt)) continue;
            if (item.Added) held.Add(item.Ordinal);
            else held.Remove(item.Ordinal);
        }
    }

    public IEnumerable<string> TagsFrom(string dataset, string prefix, string? after)
    {
        if (!_datasets.TryGetValue(dataset, out var index)) yield break;
        var tags = index.Tags;
        var from = after is not null && Utf8Order.CompareTexts(after, prefix) >= 0 ? after : prefix;
        var at = tags.IndexOf(from);
        if (at < 0) at = ~at;
        for (; at < tags.Count; at++)
        {
            var tag = tags[at];
            if (!tag.StartsWith(prefix, StringComparison.Ordinal)) yield break;
            if (tag != after) yield return tag;
        }
    }

    public IEnumerable<string> DatasetsFrom(string? after) =>
        _datasets.Keys.Where(dataset => after is null || Utf8Order.CompareTexts(dataset, after) > 0).Order(Utf8Order.Instance);

    private void Append(DatasetIndex dataset, string tag, Change change, bool added)
    {
        var bytes = (long)EventBytes;
        if (!dataset.Postings.TryGetValue(tag, out var posting))
        {
            posting = new Posting();
            dataset.Postings[tag] = posting;
            if (!LifecycleTags.IsPseudo(tag)) dataset.Tags = dataset.Tags.Add(tag);
            bytes += TagBytes;
        }

        posting.Append(new PostingEvent(change.Ordinal, change.At, change.RecordedAt, added));
        Volatile.Write(ref _estimatedBytes, _estimatedBytes + bytes);
    }

    private sealed class DatasetIndex
    {
        private ImmutableSortedSet<string> _tags = ImmutableSortedSet.Create<string>(Utf8Order.Instance);

        public ConcurrentDictionary<string, Posting> Postings { get; } = new(StringComparer.Ordinal);

        public ImmutableSortedSet<string> Tags
        {
            get => Volatile.Read(ref _tags);
            set => Volatile.Write(ref _tags, value);
        }
    }

    private sealed class Posting
    {
        private PostingEvent[] _events = new PostingEvent[2];
        private int _count;

        /// <summary>Events of this tag that the writer has finished.</summary>
        public ReadOnlySpan<PostingEvent> Published
        {
            get
            {
                // The count first: whatever array is read after it holds at least that many finished events.
                var count = Volatile.Read(ref _count);
                return Volatile.Read(ref _events).AsSpan(0, count);
            }
        }

        public void Append(PostingEvent item)
        {
            var events = _events;
            if (_count == events.Length)
            {
                Array.Resize(ref events, events.Length * 2);
                Volatile.Write(ref _events, events);
            }

            events[_count] = item;
            Volatile.Write(ref _count, _count + 1);
        }
    }
}
