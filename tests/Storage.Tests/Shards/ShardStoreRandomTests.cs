using EntityActors.Tests.Shared;
using Xunit;
using Xunit.Abstractions;

namespace EntityActors.Storage.Tests.Shards;

/// <summary>EA_SEED replays one seed, EA_RUNS tries more of them.</summary>
public sealed class ShardStoreRandomTests(ITestOutputHelper output)
{
    private const int StepCountMax = 3000;

    [Fact]
    public async Task Every_answer_equals_the_model_whatever_the_sizes_the_limits_and_the_order_of_steps()
    {
        var first = SeedSource.Next();
        for (var run = 0; run < SeedSource.Runs(few: 4); run++)
        {
            var seed = first + run;
            using var directory = new TempDirectory();
            using var shard = new RandomShard(seed, directory.Path);
            try
            {
                await shard.Run(StepCountMax);
            }
            catch (Exception cause)
            {
                throw new InvalidOperationException($"{SeedSource.Variable}={seed} fails: {cause.Message}", cause);
            }

            output.WriteLine($"seed {seed}: {shard.Accepted} changes, {shard.Duplicates} duplicates, {shard.Merges} merges, {shard.Purges} purges, {shard.Trims} trims,"
                + $" at most {shard.SegmentCountMax} segments");
        }
    }
}
