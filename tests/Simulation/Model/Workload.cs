using System.Buffers.Binary;
using System.Collections.Immutable;
using EntityActors.Storage.Model;

namespace EntityActors.Simulation.Tests.Model;

/// <summary>Draws commands: few entities, few tags, contents of many sizes.</summary>
internal sealed class Workload(Random random, int shardCount)
{
    public const string Dataset = "sim";

    private const int EntityCount = 36;
    private const int TagCount = 6;

    private static readonly EntityKey[] Keys = [.. Enumerable.Range(0, EntityCount).Select(number => new EntityKey(Dataset, $"e{number}"))];

    public static TagPattern[] Tags { get; } = [.. Enumerable.Range(0, TagCount).Select(number => new TagPattern($"t:{number}", false))];

    public (ShardId Shard, EntityCommand Command) Next(Func<ShardId, EntityKey, ModelState?> stateOf)
    {
        // Some entities are changed far more often than others.
        var key = Keys[Math.Min(random.Next(EntityCount), random.Next(EntityCount))];
        var shard = key.ShardOf(shardCount);
        var state = stateOf(shard, key);
        var command = Draw(key, state);
        if (state is not null && command is not PurgeEntity && random.Next(10) == 0) command = command with { At = new Timestamp(state.UpdatedAt.Nanoseconds + 1) };
        return (shard, command);
    }

    public Content NextContent()
    {
        var length = random.Next(10) switch
        {
            < 6 => random.Next(100),
            < 9 => random.Next(700),
            // Records of about a sector, so that some of a group begin at a sector's boundary.
            _ => random.Next(3_700, 4_200),
        };
        var bytes = new byte[length];
        random.NextBytes(bytes.AsSpan(0, random.Next(length + 1)));
        return new Content("text/plain", bytes);
    }

    private EntityCommand Draw(EntityKey key, ModelState? state)
    {
        var id = NextId();
        if (state is not null && random.Next(40) == 0) return new PurgeEntity(key, id, "flo", RevisionCondition.MustBe(state.Revision));
        if (state is not null && random.Next(25) == 0) return new ArchiveEntity(key, id, "gil", null, default);
        var choice = random.Next(20);
        if (state is null || choice < 6) return new PutEntity(key, id, "ann", null, default, SomeTags(4), random.Next(3) == 0 ? null : NextContent());
        if (choice < 11) return new ChangeTags(key, id, "bob", null, default, SomeTags(2), SomeTags(2));
        if (choice < 14) return new PutContent(key, id, "cy", null, default, NextContent());
        if (choice < 17) return new DeleteEntity(key, id, "dee", null, RevisionCondition.MustBe(state.Revision));
        return new RestoreEntity(key, id, "eve", null, default);
    }

    public CommandId NextId()
    {
        Span<byte> bytes = stackalloc byte[CommandId.SizeBytes];
        random.NextBytes(bytes);
        return new CommandId(BinaryPrimitives.ReadUInt128LittleEndian(bytes));
    }

    private ImmutableArray<Tag> SomeTags(int most) =>
        [.. Enumerable.Range(0, random.Next(most + 1)).Select(_ => new Tag(Tags[random.Next(TagCount)].Text))];
}
