using System.Runtime.Serialization;
using Akka.Actor;
using Akka.Configuration;
using EntityActors.Actors.Hosting;
using EntityActors.Actors.Protocol;
using EntityActors.Storage.Model;
using Xunit;

namespace EntityActors.Actors.Tests.Protocol;

/// <summary>Administrative bytes that made Hyperion allocate gigabytes, or read zeros for minutes, are refused at a bounded cost.</summary>
public sealed class ForgedMessageTests : IDisposable
{
    private const long AllocatedBytesMax = 16 * 1024 * 1024;

    private readonly ExtendedActorSystem _system = (ExtendedActorSystem)ActorSystem.Create("forged", ConfigurationFactory.ParseString(
        "akka.actor.provider = local, akka.loglevel = OFF, akka.stdout-loglevel = OFF").WithFallback(StoreHocon.BuiltIn()));

    public void Dispose() => _system.Terminate().GetAwaiter().GetResult();

    [Theory]
    [InlineData("a1", "/gUAARRGAHVzAAAAAAAAC0wgAAAAAAALAAAAAAAGAPAA/gMABwAALw==")]
    [InlineData("a1", "/gAACQYBAQU=")]
    public void Bytes_that_the_fuzzer_found_are_refused(string manifest, string bytes) => AssertRefused(manifest, Convert.FromBase64String(bytes));

    [Theory]
    [InlineData(0x00FFFFFF)]
    [InlineData(int.MaxValue)]
    [InlineData(-2)]
    public void Each_length_of_a_message_made_too_large_is_refused_or_read_as_another_number(int forged)
    {
        var serializer = new AdministrativeSerializer(_system);
        var tries = 0;
        foreach (var sample in Samples.Administration())
        {
            var bytes = serializer.ToBinary(sample);
            for (var at = 0; at + sizeof(int) <= bytes.Length; at++)
            {
                byte[] changed = [.. bytes];
                BitConverter.TryWriteBytes(changed.AsSpan(at), forged);
                AssertBounded(() => serializer.FromBinary(changed, serializer.Manifest(sample)), $"{sample.GetType().Name} byte {at}");
                tries++;
            }
        }

        Assert.True(tries > 100);
    }

    [Fact]
    public void A_long_text_is_within_the_bounds()
    {
        var serializer = new AdministrativeSerializer(_system);
        var outcome = new VerifyOutcome(new ShardId(4095), [new string('x', 200_000), .. Enumerable.Repeat("y", 100_000)], [], VerifyRemedy.None, long.MaxValue);
        var again = (VerifyOutcome)serializer.FromBinary(serializer.ToBinary(outcome), "a3");
        Assert.Equal(outcome.Findings.Length, again.Findings.Length);
        Assert.Equal(outcome.Findings.AsEnumerable(), again.Findings.AsEnumerable());
        Assert.Equal((outcome.Shard, outcome.BytesChecked), (again.Shard, again.BytesChecked));
    }

    [Theory]
    [InlineData("")]
    [InlineData("x")]
    [InlineData("\u00e4bc")]
    [InlineData("node")]
    [InlineData("\ufffd\ufffd")]
    public void A_text_of_any_length_is_carried(string text)
    {
        var serializer = new AdministrativeSerializer(_system);
        var state = new ShardState(new ShardId(1), ShardStatus.Serving, text, text, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12);
        Assert.Equal(state, serializer.FromBinary(serializer.ToBinary(state), "a1"));
        var outcome = new CheckpointOutcome(new ShardId(1), true, 4, text);
        Assert.Equal(outcome, serializer.FromBinary(serializer.ToBinary(outcome), "a2"));
        var verified = new VerifyOutcome(new ShardId(1), [text, "y"], [text], VerifyRemedy.Checkpoints, 9);
        Assert.Equal(ObjectText.Of(verified), ObjectText.Of(serializer.FromBinary(serializer.ToBinary(verified), "a3")));
    }

    private void AssertRefused(string manifest, byte[] bytes) => AssertBounded(
        () => Assert.Throws<SerializationException>(() => new AdministrativeSerializer(_system).FromBinary(bytes, manifest)), manifest);

    private static void AssertBounded(Action read, string what)
    {
        var before = GC.GetAllocatedBytesForCurrentThread();
        try
        {
            read();
        }
        catch (SerializationException)
        {
            // Refused: as good as read.
        }

        var allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        Assert.True(allocated < AllocatedBytesMax, $"{what}: {allocated} bytes allocated");
    }
}
