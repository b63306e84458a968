using EntityActors.Storage.Format;
using EntityActors.Storage.Fuzz.Decoders;
using EntityActors.Storage.Fuzz.Engine;
using EntityActors.Tests.Shared;
using Xunit;
using Xunit.Abstractions;

namespace EntityActors.Storage.Fuzz;

/// <summary>A short run over every decoder; the long one is the command, see docs/TESTING.md.</summary>
public sealed class FuzzTests(ITestOutputHelper output)
{
    private const int ExecutionsEach = 3_000;
    private const int SecondsEach = 3;

    [Fact]
    public async Task No_decoder_breaks_a_rule_in_a_short_run()
    {
        using var findings = new TempDirectory("entityactors-findings-");
        var seed = (ulong)SeedSource.Or(1);
        await using var text = new StringWriter();
        var count = await new Campaign(new FuzzOptions("all", SeedSource.Runs(1) * ExecutionsEach, SeedSource.Runs(1) * SecondsEach, seed, 2, findings.Path), text).RunAsync();
        output.WriteLine(text.ToString());
        Assert.True(count == 0, $"{SeedSource.Variable}={seed}\n{text}");
        foreach (var decoder in DecoderTable.All)
            Assert.Matches($@"(?m)^{decoder.Name} +[\d,]+ executions .*corpus +\d+  edges +[1-9]", text.ToString());
    }

    [Fact]
    public void Every_decoder_reads_each_of_its_seeds_to_the_end()
    {
        foreach (var decoder in DecoderTable.All)
        {
            foreach (var seed in decoder.Seeds())
            {
                var failure = Record.Exception(() => decoder.Run(seed));
                Assert.True(failure is null, $"{decoder.Name}, seed {Convert.ToHexString(seed)}: {failure}");
            }
        }
    }

    [Fact]
    public void A_missing_check_of_a_length_is_found() => AssertFinds(static bytes => bytes.Length > 2 ? bytes.AsSpan(0, bytes[0]).ToArray() : []);

    [Fact]
    public void An_allocation_by_a_length_that_nobody_checked_is_found() =>
        AssertFinds(static bytes => bytes.Length > 4 && bytes[0] > 250 ? new byte[Execution.AllocatedBytesMax] : []);

    [Fact]
    public void A_value_that_does_not_survive_its_encoder_is_found() => AssertFinds(static bytes =>
    {
        RoundTripException.Check(bytes, bytes.Length > 6 ? bytes.AsSpan(0, 6) : bytes);
        return [];
    });

    [Fact]
    public void Documented_failures_are_no_findings() => Assert.Equal(0, Fuzz(static _ => throw new MalformedBytesException("always")));

    private static void AssertFinds(Func<byte[], byte[]> broken) => Assert.NotEqual(0, Fuzz(broken));

    private static int Fuzz(Func<byte[], byte[]> read)
    {
        using var directory = new TempDirectory();
        using var current = new CurrentInput(directory.File("current"));
        var decoder = new Decoder("planted", static () => [[1, 0, 0, 0, 5]], bytes => _ = read(bytes));
        return new FuzzRun(decoder, 1, new FindingStore(directory.File("findings")), current).Run(2_000, TimeSpan.FromMinutes(1)).FindingCount;
    }
}
