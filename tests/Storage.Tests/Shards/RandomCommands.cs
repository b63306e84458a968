using System.Collections.Immutable;
using System.Text;
using EntityActors.Storage.Model;

namespace EntityActors.Storage.Tests.Shards;

/// <summary>Random commands and questions over few ids and tags, so that they meet each other often.</summary>
internal sealed class RandomCommands(Random random, int contentBytesMax)
{
    private static readonly string[] Names = ["t:", "t:x", "é:", "a b:\0", "p:\U0001F600", "p:\uFFFD", "path:src/a"];

    public static readonly ImmutableArray<string> Datasets = ["demo", "other"];

    // Few keys make long histories, many make wide segments.
    private readonly int _keyCount = random.Next(3) switch { 0 => 2, 1 => 30, _ => 150 };
    private readonly int _hotPercent = random.Next(3) switch { 0 => 5, 1 => 30, _ => 85 };

    public EntityKey Key() => random.Next(100) < _hotPercent
        ? new EntityKey("demo", "hot")
        : new EntityKey(random.Next(5) == 0 ? "other" : "demo", $"e{random.Next(_keyCount)}\0{random.Next(2)}{{g}}");

    public EntityCommand Command(EntityKey key, EntityHead? head)
    {
        var id = new CommandId(((UInt128)random.NextInt64() << 64) + (UInt128)random.NextInt64());
        var author = random.Next(3) == 0 ? "" : "ann";
        var at = At(head);
        var condition = Condition(head);
        if (random.Next(key.Id == "hot" ? 400 : 50) == 0) return new PurgeEntity(key, id, author, condition);
        if (random.Next(40) == 0) return new ArchiveEntity(key, id, author, at, condition);
        return random.Next(12) switch
        {
            < 4 => new PutEntity(key, id, author, at, condition, Tags(6), random.Next(3) == 0 ? null : Bytes()) { Expiry = Expires() },
            < 7 => new ChangeTags(key, id, author, at, condition, Tags(3), Tags(3)) { Expiry = Expires() },
            7 when random.Next(2) == 0 => new ChangeTags(key, id, author, at, condition, [], []),
            8 when random.Next(3) == 0 => new DeleteEntity(key, id, author, at, condition),
            > 6 when head is { Lifecycle: Lifecycle.Deleted or Lifecycle.Archived } => new RestoreEntity(key, id, author, at, condition),
            _ => new PutContent(key, id, author, at, condition, random.Next(6) == 0 ? Content.Cleared : Bytes()),
        };
    }

    /// <summary>Lets history go up to a moment; mostly few changes stay in any case.</summary>
    public PutEntity Trim(Timestamp before) => HistoryTrim.Command(Datasets[random.Next(2)], new ShardId(0), 1, before, random.Next(3) == 0 ? random.Next(1, 30) : 1,
        new CommandId(((UInt128)random.NextInt64() << 64) + (UInt128)random.NextInt64()), "retention");

    public TagQuery Query() => new(Datasets[random.Next(2)], Patterns(3), random.Next(2) == 0, Patterns(2),
        random.Next(8) switch { 0 or 1 => null, 2 => Lifecycle.Deleted, 3 => Lifecycle.Archived, 4 => Lifecycle.Purged, _ => Lifecycle.Active });

    public ChangeFilter Filter() => new(random.Next(3) == 0 ? Datasets[random.Next(2)] : null,
        random.Next(3) == 0 ? new TagPattern(Prefix(), true) : random.Next(3) == 0 ? new TagPattern(Tag().Text, false) : null);

    public string Prefix() => random.Next(5) switch { 0 => "", 1 => "t", 2 => "p:", 3 => "active", _ => Tag().Text[..1] };

    private ImmutableArray<TagPattern> Patterns(int max) =>
        [.. Enumerable.Range(0, random.Next(max + 1)).Select(_ => random.Next(3) switch
        {
            0 => new TagPattern(Prefix(), true),
            1 when random.Next(8) == 0 => new TagPattern("deleted", false),
            _ => new TagPattern(Tag().Text, false),
        })];

    /// <summary>Some within minutes of each other, so that they meet in a tag, and some in the past.</summary>
    private Expiry? Expires() => random.Next(8) switch
    {
        0 => new Expiry(null, TimeSpan.FromSeconds(random.Next(1, 200))),
        1 => Expiry.Never,
        2 when random.Next(10) == 0 => new Expiry(new Timestamp(random.Next(1, 1000)), null),
        _ => null,
    };

    private Timestamp? At(EntityHead? head)
    {
        if (random.Next(6) != 0) return null;
        var last = head?.UpdatedAt.Nanoseconds ?? 0;
        return new Timestamp(random.Next(6) == 0 ? last : last + 1 + (random.Next(3) == 0 ? 0 : random.Next(1_000_000)));
    }

    private RevisionCondition Condition(EntityHead? head) => random.Next(30) switch
    {
        0 => RevisionCondition.MustExist,
        1 => RevisionCondition.MustNotExist,
        2 or 3 => RevisionCondition.MustBe((head?.Revision ?? 0) + random.Next(2)),
        _ => default,
    };

    private ImmutableArray<Tag> Tags(int max) => [.. Enumerable.Range(0, random.Next(max + 1)).Select(_ => Tag())];

    private Tag Tag() => new(Names[random.Next(Names.Length)] + random.Next(4));

    private Content Bytes()
    {
        var bytes = new byte[random.Next(4) == 0 ? 0 : random.Next(8) == 0 ? random.Next(contentBytesMax + 2) : random.Next(Math.Min(60, contentBytesMax))];
        if (random.Next(2) == 0) random.NextBytes(bytes);
        return new Content(random.Next(2) == 0 ? "text/plain" : Encoding.UTF8.GetString([.. "x/"u8, (byte)('a' + random.Next(26))]), bytes);
    }
}
