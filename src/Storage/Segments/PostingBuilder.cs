using EntityActors.Storage.Indexes;
using EntityActors.Storage.Model;

namespace EntityActors.Storage.Segments;

/// <summary>One chunk of one tag: its events in the order of ordinal, then time.</summary>
internal sealed record PostingChunk(byte[] Key, ushort High, ArraySegment<PostingEvent> Events)
{
    public (OrdinalChunk Held, OrdinalChunk Gone) AtEnd()
    {
        var (held, gone) = (new OrdinalChunk(), new OrdinalChunk());
        for (var i = 0; i < Events.Count; i++)
        {
            if (i + 1 < Events.Count && Events[i + 1].Ordinal == Events[i].Ordinal) continue;
            (Events[i].Added ? held : gone).Add((ushort)Events[i].Ordinal);
        }

        return (held, gone);
    }
}

/// <summary>Collects the tag events of a segment's changes and sorts them into posting chunks. Holds 32 bytes an event.</summary>
internal sealed class PostingBuilder
{
    private readonly Dictionary<EntityKey, int> _tags = [];
    private readonly List<(int Tag, PostingEvent Event)> _events = [];

    /// <param name="before">State before the change; null for revision 1 and for a base.</param>
    public void Add(EntityHead? before, Change change)
    {
        var dataset = change.Key.Dataset;
        foreach (var tag in change.Removed) Append(change, dataset, tag.Text, added: false);
        foreach (var tag in change.Added) Append(change, dataset, tag.Text, added: true);
        if (change.IsBase)
        {
            Append(change, dataset, LifecycleTags.Trimmed, added: true);
            Append(change, ExpiryTags.Dataset, LifecycleTags.Trimmed, added: true);
        }

        var (oldExpiry, expiry) = (ExpiryTags.Of(before?.ExpiresAt), ExpiryTags.Of(change.ExpiresAt));
        if (oldExpiry != expiry && oldExpiry is not null) Append(change, ExpiryTags.Dataset, oldExpiry, added: false);
        if (oldExpiry != expiry && expiry is not null) Append(change, ExpiryTags.Dataset, expiry, added: true);
        if (before?.Lifecycle == change.Lifecycle) return;
        if (before is not null) Append(change, dataset, LifecycleTags.Of(before.Lifecycle), added: false);
        Append(change, dataset, LifecycleTags.Of(change.Lifecycle), added: true);
    }

    /// <summary>Chunks in the order of key bytes, then high half of the ordinals.</summary>
    public IEnumerable<PostingChunk> Chunks()
    {
        // Dataset, zero byte, tag: the same bytes as a key whose id is the tag.
        var keys = new byte[_tags.Count][];
        foreach (var (tag, id) in _tags) keys[id] = tag.ToBytes();
        var byKey = new int[keys.Length];
        for (var i = 0; i < byKey.Length; i++) byKey[i] = i;
        Array.Sort(byKey, (left, right) => keys[left].AsSpan().SequenceCompareTo(keys[right]));
        var rank = new int[keys.Length];
        for (var i = 0; i < byKey.Length; i++) rank[byKey[i]] = i;
        _events.Sort((left, right) =>
        {
            if (left.Tag != right.Tag) return rank[left.Tag].CompareTo(rank[right.Tag]);
            return left.Event.Ordinal != right.Event.Ordinal
                ? left.Event.Ordinal.CompareTo(right.Event.Ordinal)
                : left.Event.At.CompareTo(right.Event.At);
        });

        for (var start = 0; start < _events.Count;)
        {
            var (tag, high) = (_events[start].Tag, _events[start].Event.Ordinal >> 16);
            var end = start + 1;
            while (end < _events.Count && _events[end].Tag == tag && _events[end].Event.Ordinal >> 16 == high) end++;
            var events = new PostingEvent[end - start];
            for (var i = start; i < end; i++) events[i - start] = _events[i].Event;
            yield return new PostingChunk(keys[tag], (ushort)high, events);
            start = end;
        }
    }

    private void Append(Change change, string dataset, string tag, bool added)
    {
        var key = new EntityKey(dataset, tag);
        if (!_tags.TryGetValue(key, out var id)) _tags.Add(key, id = _tags.Count);
        _events.Add((id, new PostingEvent(change.Ordinal, change.At, change.RecordedAt, added)));
    }
}
