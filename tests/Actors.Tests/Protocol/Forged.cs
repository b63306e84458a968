using Akka.Actor;
using Akka.Serialization;
using EntityActors.Actors.Protocol;

namespace EntityActors.Actors.Tests.Protocol;

/// <summary>Bytes of any content that are sent as if one of the store's serializers had made them.</summary>
public abstract record Forged(string Manifest, byte[] Bytes)
{
    public sealed record Json(string Manifest, byte[] Bytes) : Forged(Manifest, Bytes);

    public sealed record Protocol(string Manifest, byte[] Bytes) : Forged(Manifest, Bytes);

    public sealed record Administration(string Manifest, byte[] Bytes) : Forged(Manifest, Bytes);

    /// <summary>Belongs into the settings of the actor system that forges.</summary>
    public static string Settings => string.Join('\n', new[] { typeof(Json), typeof(Protocol), typeof(Administration) }.Select((type, i) => $$"""
        akka.actor.serializers.forged-{{i}} = "{{typeof(Forged).FullName}}+{{type.Name}}Serializer, {{typeof(Forged).Assembly.GetName().Name}}"
        akka.actor.serialization-bindings."{{type.FullName}}, {{typeof(Forged).Assembly.GetName().Name}}" = forged-{{i}}
        """));

    public sealed class JsonSerializer(ExtendedActorSystem system) : ForgingSerializer(system, RefusingSerializer.SerializerId);

    public sealed class ProtocolSerializer(ExtendedActorSystem system) : ForgingSerializer(system, Actors.Protocol.ProtocolSerializer.SerializerId);

    public sealed class AdministrationSerializer(ExtendedActorSystem system) : ForgingSerializer(system, AdministrativeSerializer.SerializerId);

    public abstract class ForgingSerializer(ExtendedActorSystem system, int identifier) : SerializerWithStringManifest(system)
    {
        public override int Identifier => identifier;

        public override string Manifest(object o) => ((Forged)o).Manifest;

        public override byte[] ToBinary(object obj) => ((Forged)obj).Bytes;

        public override object FromBinary(byte[] bytes, string manifest) => throw new NotSupportedException();
    }
}
