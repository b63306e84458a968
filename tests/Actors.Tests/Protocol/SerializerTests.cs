using System.Runtime.Serialization;
using System.Text;
using Akka.Actor;
using Akka.Configuration;
using Akka.Serialization;
using EntityActors.Actors.Hosting;
using EntityActors.Actors.Protocol;
using EntityActors.Storage.Model;
using Xunit;

namespace EntityActors.Actors.Tests.Protocol;

public sealed class SerializerTests : IDisposable
{
    private readonly ExtendedActorSystem _system;

    public SerializerTests()
    {
        _system = (ExtendedActorSystem)ActorSystem.Create("serializers", ConfigurationFactory.ParseString(
            "akka.actor.provider = local, akka.loglevel = OFF, akka.stdout-loglevel = OFF").WithFallback(StoreHocon.BuiltIn()));
    }

    public void Dispose() => _system.Terminate().GetAwaiter().GetResult();

    [Fact]
    public void Every_request_fault_and_registered_type_has_a_sample()
    {
        var sampled = Samples.Protocol().Concat(Samples.Administration()).Select(sample => sample.GetType()).ToHashSet();
        var expected = typeof(IShardRequest).Assembly.GetTypes()
            .Where(type => !type.IsAbstract && (typeof(IShardRequest).IsAssignableFrom(type) || typeof(ShardFault).IsAssignableFrom(type)))
            .Concat(ProtocolSerializer.Types).Concat(AdministrativeSerializer.Types).ToHashSet();
        Assert.Empty(expected.Except(sampled).Select(type => type.Name));
        Assert.Empty(sampled.Except(expected).Select(type => type.Name));
    }

    [Fact]
    public void Every_message_round_trips_through_the_configured_serializer()
    {
        foreach (var sample in Samples.Protocol().Concat(Samples.Administration()))
        {
            var serializer = _system.Serialization.FindSerializerFor(sample);
            Assert.True(serializer is ProtocolSerializer or AdministrativeSerializer, $"{sample.GetType()} goes to {serializer.GetType()}");
            var manifest = Akka.Serialization.Serialization.ManifestFor(serializer, sample);
            var bytes = serializer.ToBinary(sample);
            var again = _system.Serialization.Deserialize(bytes, serializer.Identifier, manifest);
            Assert.IsType(sample.GetType(), again);
            Assert.Equal(Describe(sample), Describe(again));
        }
    }

    [Fact]
    public void Bytes_that_are_cut_anywhere_are_refused()
    {
        var serializer = new ProtocolSerializer(_system);
        foreach (var sample in Samples.Protocol())
        {
            var bytes = serializer.ToBinary(sample);
            for (var length = 0; length < bytes.Length; length++)
            {
                // Where an earlier version ended; see GoldenBytesTests.
                if (sample is ShardFault.Unavailable { Node: { } node } && length == bytes.Length - node.Length - 2) continue;
                var cut = bytes[..length];
                Assert.Throws<SerializationException>(() => serializer.FromBinary(cut, serializer.Manifest(sample)));
            }
        }
    }

    /// <summary>What a later version may have put there changes nothing in an answer, and could change everything in a request.</summary>
    [Fact]
    public void Fields_behind_the_known_ones_are_passed_over_in_replies_and_refused_in_requests()
    {
        var serializer = new ProtocolSerializer(_system);
        foreach (var sample in Samples.Protocol())
        {
            byte[] longer = [.. serializer.ToBinary(sample), 0];
            var manifest = serializer.Manifest(sample);
            if (manifest[0] is 'r' or 'f') Assert.Equal(Describe(sample), Describe(serializer.FromBinary(longer, manifest)));
            else Assert.Throws<SerializationException>(() => serializer.FromBinary(longer, manifest));
        }
    }

    [Fact]
    public void A_type_nobody_registered_is_refused_when_sent()
    {
        var serializer = _system.Serialization.FindSerializerFor(new Unregistered("x"));
        Assert.Throws<SerializationException>(() => serializer.ToBinary(new Unregistered("x")));
        Assert.Throws<SerializationException>(() => new ProtocolSerializer(_system).ToBinary(new Unregistered("x")));
        Assert.Throws<SerializationException>(() => new AdministrativeSerializer(_system).ToBinary(new Unregistered("x")));
    }

    [Fact]
    public void Json_that_names_a_type_is_refused_when_received()
    {
        var bytes = Encoding.UTF8.GetBytes($"{{\"$type\":\"{typeof(Unregistered).AssemblyQualifiedName}\",\"Text\":\"x\"}}");
        var refusal = Record.Exception(() => _system.Serialization.Deserialize(bytes, RefusingSerializer.SerializerId, typeof(Unregistered)));
        Assert.IsType<SerializationException>(refusal);
        Assert.Equal(RefusingSerializer.SerializerId, new NewtonSoftJsonSerializer(_system).Identifier);
    }

    [Fact]
    public void Manifests_nobody_registered_are_refused_when_received()
    {
        Assert.Throws<SerializationException>(() => new ProtocolSerializer(_system).FromBinary([1], "q99"));
        Assert.Throws<SerializationException>(() => new AdministrativeSerializer(_system).FromBinary([1], "a99"));
    }

    [Fact]
    public void Hyperion_bytes_that_name_another_type_are_refused()
    {
        var plain = new Hyperion.Serializer();
        using var stream = new MemoryStream();
        plain.Serialize(new Unregistered("x"), stream);
        foreach (var manifest in new[] { "a1", "a2", "a3" })
            Assert.Throws<SerializationException>(() => new AdministrativeSerializer(_system).FromBinary(stream.ToArray(), manifest));
    }

    [Fact]
    public void An_administrative_message_under_the_manifest_of_another_is_refused()
    {
        var serializer = new AdministrativeSerializer(_system);
        var bytes = serializer.ToBinary(new CheckpointOutcome(new ShardId(1), true, 1, "x"));
        Assert.Throws<SerializationException>(() => serializer.FromBinary(bytes, "a1"));
    }

    private static string Describe(object message) => ObjectText.Of(message);

    private sealed record Unregistered(string Text);
}
