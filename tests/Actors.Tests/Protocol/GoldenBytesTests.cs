using Akka.Actor;
using Akka.Configuration;
using EntityActors.Actors.Hosting;
using EntityActors.Actors.Protocol;
using Xunit;

namespace EntityActors.Actors.Tests.Protocol;

/// <summary>
/// Every message has the bytes it had when its layout was first released, and those are still read. A line of the file is never changed: a new
/// layout gets a new manifest and new lines.
/// </summary>
public sealed class GoldenBytesTests : IDisposable
{
    private static readonly string GoldenFile = Path.Combine(AppContext.BaseDirectory, "Data", "protocol-1.txt");

    private readonly ExtendedActorSystem _system = (ExtendedActorSystem)ActorSystem.Create("golden", ConfigurationFactory.ParseString(
        "akka.actor.provider = local, akka.loglevel = OFF, akka.stdout-loglevel = OFF").WithFallback(StoreHocon.BuiltIn()));

    public void Dispose() => _system.Terminate().GetAwaiter().GetResult();

    [Fact]
    public void Every_message_has_its_golden_bytes()
    {
        var written = Samples.Protocol().Concat(Samples.Administration()).Select(sample =>
        {
            var serializer = _system.Serialization.FindSerializerFor(sample);
            return $"{Akka.Serialization.Serialization.ManifestFor(serializer, sample)} {Convert.ToHexString(serializer.ToBinary(sample))}".TrimEnd();
        }).ToList();
        Assert.True(File.ReadAllLines(GoldenFile).SequenceEqual(written), $"what is written now:\n{string.Join('\n', written)}");
    }

    [Fact]
    public void Golden_bytes_are_read_as_the_messages_they_were()
    {
        var lines = File.ReadAllLines(GoldenFile);
        var samples = Samples.Protocol().Concat(Samples.Administration()).ToList();
        Assert.Equal(samples.Count, lines.Length);
        foreach (var (line, sample) in lines.Zip(samples))
        {
            var (manifest, bytes) = line.Split(' ') is [var name, var digits] ? (name, Convert.FromHexString(digits)) : (line, []);
            var serializer = manifest[0] == 'a' ? AdministrativeSerializer.SerializerId : ProtocolSerializer.SerializerId;
            Assert.Equal(ObjectText.Of(sample), ObjectText.Of(_system.Serialization.Deserialize(bytes, serializer, manifest)));
        }
    }

    [Fact]
    public void Every_manifest_has_golden_bytes()
    {
        var golden = File.ReadAllLines(GoldenFile).Select(line => line.Split(' ')[0]).ToHashSet();
        Assert.Empty(ProtocolCodecs.All.Select(codec => codec.Manifest).Concat(["a1", "a2", "a3"]).Except(golden));
    }
}
