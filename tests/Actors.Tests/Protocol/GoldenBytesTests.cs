using Akka.Actor;
using Akka.Configuration;
using EntityActors.Actors.Hosting;
using EntityActors.Actors.Protocol;
using Xunit;

namespace EntityActors.Actors.Tests.Protocol;

/// <summary>
/// A file for each version of the protocol has the bytes of every message, and those of all versions are still read; those of versions 3 and 4 have those of
/// their new messages alone. No line is ever changed: a message that gains a field gets another file.
/// </summary>
public sealed class GoldenBytesTests : IDisposable
{
    private const int Newest = 2;
    private const int Added = 3;
    private const int Trims = 4;

    private readonly ExtendedActorSystem _system = (ExtendedActorSystem)ActorSystem.Create("golden", ConfigurationFactory.ParseString(
        "akka.actor.provider = local, akka.loglevel = OFF, akka.stdout-loglevel = OFF").WithFallback(StoreHocon.BuiltIn()));

    public void Dispose() => _system.Terminate().GetAwaiter().GetResult();

    [Fact]
    public void Every_message_has_its_golden_bytes()
    {
        foreach (var version in (int[])[Newest, Added, Trims])
        {
            var written = Of(version).Select(sample =>
            {
                var serializer = _system.Serialization.FindSerializerFor(sample);
                return $"{Akka.Serialization.Serialization.ManifestFor(serializer, sample)} {Convert.ToHexString(serializer.ToBinary(sample))}".TrimEnd();
            }).ToList();
            Assert.True(Lines(version).SequenceEqual(written), $"what is written now:\n{string.Join('\n', written)}");
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(Newest)]
    [InlineData(Added)]
    [InlineData(Trims)]
    public void Golden_bytes_are_read_as_the_messages_they_were(int version)
    {
        var lines = Lines(version);
        var samples = Of(version).Select(sample => AsOf(version, sample)).ToList();
        Assert.Equal(samples.Count, lines.Length);
        foreach (var (line, sample) in lines.Zip(samples))
        {
            var (manifest, bytes) = line.Split(' ') is [var name, var digits] ? (name, Convert.FromHexString(digits)) : (line, []);
            var serializer = manifest[0] == 'a' ? AdministrativeSerializer.SerializerId : ProtocolSerializer.SerializerId;
            Assert.Equal(ObjectText.Of(sample), ObjectText.Of(_system.Serialization.Deserialize(bytes, serializer, manifest)));
        }
    }

    /// <summary>Commands (q1) and transactions (q30) are written in an envelope only, whose golden bytes hold them.</summary>
    [Fact]
    public void Every_manifest_has_golden_bytes()
    {
        var golden = Lines(Newest).Concat(Lines(Added)).Concat(Lines(Trims)).Select(line => line.Split(' ')[0]).Append("q1").Append("q30").ToHashSet();
        Assert.Empty(ProtocolCodecs.All.Select(codec => codec.Manifest).Concat(["a1", "a2", "a3"]).Except(golden));
    }

    /// <summary>A node of version 1 reads what this one sends as it would read its own, without what came later.</summary>
    [Fact]
    public void An_older_reader_finds_all_it_knows_in_what_is_written_now()
    {
        foreach (var (older, newer) in Lines(1).Zip(Lines(Newest)))
        {
            if (older == newer) continue;
            Assert.True(older[0] is 'r' or 'f' && newer.StartsWith(older, StringComparison.Ordinal), $"{older}\n{newer}");
        }
    }

    private static IEnumerable<object> Of(int version) =>
        version switch { Trims => TrimSamples.Protocol(), Added => DataSamples.Protocol(), _ => Samples.Earlier().Concat(Samples.Administration()) };

    private static string[] Lines(int version) => File.ReadAllLines(Path.Combine(AppContext.BaseDirectory, "Data", $"protocol-{version}.txt"));

    /// <summary>The message as that version knew it.</summary>
    private static object AsOf(int version, object sample) => sample is ShardFault.Unavailable away && version < 2 ? away with { Node = null } : sample;
}
