using System.Collections.Immutable;
using EntityActors.Storage.Indexes;
using EntityActors.Storage.Model;

namespace EntityActors.Storage.Tests.Segments;

/// <summary>Random histories through the real rules, kept in a dictionary: the model that segments are compared with.</summary>
internal sealed class History(Random random)
{
    private readonly Dictionary<EntityKey, EntityHead> _heads = [];
    private long _clock = 1_000;
    private long _sequence;
    private uint _nextOrdinal;

    public Dictionary<EntityKey, List<Change>> Changes { get; } = [];

    /// <summary>Changes in the order in which they were recorded, with the state before each.</summary>
    public List<(EntityHead? Before, Change Change)> Recorded { get; } = [];

    public long Clock => _clock;

    public SequenceNumber Sequence => new(_sequence);

    public EntityKey RandomKey(int keys) => new(random.Next(4) == 0 ? "other" : "data", $"id-{random.Next(keys)}-é\0{random.Next(2)}");

    public void Step(int keys, int contentBytesMax = 40)
    {
        var key = RandomKey(keys);
        var head = _heads.GetValueOrDefault(key);
        _sequence += random.Next(2);
        _clock += 10 + random.Next(50);
        var now = new Timestamp(_clock);
        Timestamp? at = null;
        if (random.Next(3) == 0)
        {
            var earliest = (head?.UpdatedAt.Nanoseconds ?? 0) + 1;
            at = new Timestamp(random.NextInt64(earliest, _clock + 1));
        }

        var id = new CommandId((UInt128)random.NextInt64());
        var none = default(RevisionCondition);
        EntityCommand command = random.Next(10) switch
        {
            0 or 1 => new PutEntity(key, id, "ann", at, none, Tags(5), random.Next(2) == 0 ? null : Bytes(contentBytesMax)),
            2 => new DeleteEntity(key, id, "bob", at, none),
            3 => new RestoreEntity(key, id, "", at, none),
            4 or 5 => new PutContent(key, id, "ann", at, none, Bytes(contentBytesMax)),
            _ => new ChangeTags(key, id, "eve", at, none, Tags(3), Tags(3)),
        };
        var decision = EntityRules.Decide(head, command, new SequenceNumber(_sequence), now, (uint)_clock, _nextOrdinal, EntityLimits.Default);
        if (decision is not Decision.Accepted accepted) return;
        if (head is null) _nextOrdinal += (uint)(1 + (random.Next(5) * random.Next(30_000)));
        _heads[key] = accepted.After;
        if (!Changes.TryGetValue(key, out var list)) Changes[key] = list = [];
        list.Add(accepted.Change);
        Recorded.Add((head, accepted.Change));
    }

    public AsOf RandomAsOf()
    {
        var at = random.Next(4) == 0 ? long.MaxValue : random.NextInt64(1, _clock + 100);
        var recorded = random.Next(2) == 0 ? long.MaxValue : random.NextInt64(1, _clock + 100);
        return new AsOf(new Timestamp(at), new Timestamp(recorded));
    }

    public EntityHead? State(EntityKey key, AsOf asOf)
    {
        EntityHead? state = null;
        foreach (var change in Changes.GetValueOrDefault(key) ?? [])
        {
            if (asOf.Sees(change)) state = EntityHead.Apply(state, change);
        }

        return state;
    }

    public HashSet<uint> Find(TagQuery query, AsOf asOf)
    {
        var found = new HashSet<uint>();
        foreach (var key in Changes.Keys)
        {
            if (key.Dataset != query.Dataset || State(key, asOf) is not { } state) continue;
            if (query.Lifecycle is { } lifecycle ? state.Lifecycle != lifecycle : state.Lifecycle == Lifecycle.Purged) continue;
            var hits = query.Tags.Count(pattern => Holds(state, pattern));
            if (query.Tags.Length > 0 && (query.MatchAny ? hits == 0 : hits < query.Tags.Length)) continue;
            if (!query.Not.Any(pattern => Holds(state, pattern))) found.Add(state.Ordinal);
        }

        return found;
    }

    public SortedDictionary<string, long> CountTags(string dataset, string prefix, AsOf asOf)
    {
        var counts = new SortedDictionary<string, long>(Utf8Order.Instance);
        foreach (var key in Changes.Keys)
        {
            if (key.Dataset != dataset || State(key, asOf) is not { Lifecycle: Lifecycle.Active } state) continue;
            foreach (var tag in state.Tags)
            {
                if (tag.Text.StartsWith(prefix, StringComparison.Ordinal)) counts[tag.Text] = counts.GetValueOrDefault(tag.Text) + 1;
            }
        }

        return counts;
    }

    public TagQuery RandomQuery() => new(random.Next(3) == 0 ? "other" : "data",
        [.. Patterns(3)], random.Next(2) == 0, [.. Patterns(2)], random.Next(3) == 0 ? null : (Lifecycle)random.Next(1, 3));

    private IEnumerable<TagPattern> Patterns(int max)
    {
        for (var i = random.Next(max + 1); i > 0; i--)
            yield return random.Next(4) == 0 ? new TagPattern(random.Next(2) == 0 ? "a:" : "", true) : new TagPattern(RandomTag(), false);
    }

    private string RandomTag() => random.Next(12) switch
    {
        0 => "active",
        1 => $"a:\U0001F600{random.Next(3)}",
        2 => $"a:\uFFFD{random.Next(3)}",
        var n when n < 8 => $"a:{random.Next(6)}",
        _ => $"b:{random.Next(10)}",
    };

    private ImmutableArray<Tag> Tags(int max)
    {
        var tags = new List<Tag>();
        for (var i = random.Next(max + 1); i > 0; i--)
        {
            var tag = RandomTag();
            if (tag.Contains(':')) tags.Add(new Tag(tag));
        }

        return [.. tags];
    }

    private Content Bytes(int max)
    {
        var bytes = new byte[random.Next(max)];
        if (random.Next(2) == 0) random.NextBytes(bytes);
        return new Content("text/plain", bytes);
    }

    private static bool Holds(EntityHead state, TagPattern pattern) => pattern.IsPrefix
        ? state.Tags.Any(tag => tag.Text.StartsWith(pattern.Text, StringComparison.Ordinal))
        : state.Tags.Any(tag => tag.Text == pattern.Text);
}
