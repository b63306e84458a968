using System.Diagnostics;
using EntityActors.Tests.Shared;
using EntityActors.Tests.Shared.Linearizability;
using Xunit;
using Xunit.Abstractions;

namespace EntityActors.Cluster.Tests.Linearizability;

/// <summary>The checker is believed only as far as it agrees with verdicts that others reached.</summary>
public sealed class LinearizabilityTests(ITestOutputHelper output)
{
    [Fact]
    public void Every_recorded_register_history_gets_its_known_verdict()
    {
        var verdicts = File.ReadLines(Path.Combine(RecordedHistories.Directory, "expected.tsv")).Select(line => line.Split('\t')).ToList();
        Assert.True(verdicts.Count > 80);
        foreach (var verdict in verdicts)
        {
            var expected = verdict[1] == "linearizable" ? LinearizabilityVerdict.Linearizable : LinearizabilityVerdict.NotLinearizable;
            var checker = new LinearizabilityChecker<int?>(null);
            var started = Stopwatch.GetTimestamp();
            var found = checker.Check(RecordedHistories.ReadRegister(Path.Combine(RecordedHistories.Directory, verdict[0])));
            output.WriteLine($"{verdict[0]}: {found}, {checker.Searched} searched, {Stopwatch.GetElapsedTime(started).TotalMilliseconds:F1} ms");
            Assert.True(expected == found, $"{verdict[0]}: expected {expected}, found {found}");
        }
    }

    [Theory]
    [InlineData("c01-ok.txt", true)]
    [InlineData("c01-bad.txt", false)]
    [InlineData("c10-ok.txt", true)]
    [InlineData("c10-bad.txt", false)]
    public void Recorded_histories_of_several_keys_get_their_known_verdict(string name, bool isLinearizable)
    {
        var started = Stopwatch.GetTimestamp();
        var byKey = RecordedHistories.ReadTexts(Path.Combine(RecordedHistories.Directory, name));
        var verdicts = byKey.Values.Select(operations => new LinearizabilityChecker<string>("").Check(operations)).ToList();
        output.WriteLine($"{name}: {byKey.Count} keys, {Stopwatch.GetElapsedTime(started).TotalMilliseconds:F1} ms");
        Assert.DoesNotContain(LinearizabilityVerdict.Unknown, verdicts);
        Assert.Equal(isLinearizable, verdicts.TrueForAll(verdict => verdict == LinearizabilityVerdict.Linearizable));
    }

    /// <summary>Against trying every order, on histories small enough for that.</summary>
    [Fact]
    public void Small_random_histories_get_the_verdict_of_trying_every_order()
    {
        var seed = SeedSource.Next();
        var linearizable = 0;
        for (var run = 0; run < SeedSource.Runs(5_000); run++)
        {
            var operations = RandomHistory(SeedSource.For(seed, run));
            var expected = TryEveryOrder(operations, 0, []);
            var found = new LinearizabilityChecker<int>(0).Check(operations);
            Assert.True((expected ? LinearizabilityVerdict.Linearizable : LinearizabilityVerdict.NotLinearizable) == found,
                $"{SeedSource.Variable}={seed}, run {run}: {found}\n{string.Join('\n', operations)}");
            if (expected) linearizable++;
        }

        Assert.True(linearizable > 0);
    }

    [Fact]
    public void A_search_that_reaches_its_limit_shows_nothing()
    {
        var operations = RecordedHistories.ReadRegister(Path.Combine(RecordedHistories.Directory, "etcd_002.log"));
        Assert.Equal(LinearizabilityVerdict.Unknown, new LinearizabilityChecker<int?>(null).Check(operations, searchedMax: 10));
    }

    private static List<Operation<int>> RandomHistory(Random random)
    {
        var count = 2 + random.Next(5);
        var places = Enumerable.Range(0, 2 * count).Select(place => (long)place).ToArray();
        random.Shuffle(places);
        var operations = new List<Operation<int>>();
        for (var i = 0; i < count; i++)
        {
            var (called, returned) = (Math.Min(places[2 * i], places[(2 * i) + 1]), Math.Max(places[2 * i], places[(2 * i) + 1]));
            var value = random.Next(3);
            var isOpen = random.Next(5) == 0;
            operations.Add(random.Next(2) == 0
                ? new Operation<int>($"write {value}", called, isOpen ? null : returned, _ => new SequentialStep<int>(value))
                : new Operation<int>($"read {value}", called, returned, state => state == value ? new SequentialStep<int>(state) : null));
        }

        return operations;
    }

    private static bool TryEveryOrder(List<Operation<int>> operations, int state, HashSet<Operation<int>> taken)
    {
        var rest = operations.Where(operation => !taken.Contains(operation)).ToList();
        if (rest.TrueForAll(operation => operation.Returned is null)) return true;
        foreach (var next in rest)
        {
            // It may come next when none of the others had returned before it was called.
            if (rest.Exists(other => other.Returned < next.Called) || next.Step(state) is not { } step) continue;
            taken.Add(next);
            var isFound = TryEveryOrder(operations, step.After, taken);
            taken.Remove(next);
            if (isFound) return true;
        }

        return false;
    }
}
