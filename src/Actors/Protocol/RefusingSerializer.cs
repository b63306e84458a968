using System.Runtime.Serialization;
using Akka.Actor;
using Akka.Configuration;
using Akka.Serialization;

namespace EntityActors.Actors.Protocol;

/// <summary>Stands where Akka's JSON serializer stood and refuses in both directions.</summary>
/// <remarks>
/// The setting allow-unregistered-types guards only what is sent; bytes that arrive under the JSON serializer's id name the type
/// to create, so they must not reach it.
/// </remarks>
public sealed class RefusingSerializer : Serializer
{
    /// <summary>The id of the serializer that is replaced.</summary>
    public const int SerializerId = 1;

    /// <param name="settings">Of the serializer that is replaced; Akka looks for this constructor because they are there.</param>
    public RefusingSerializer(ExtendedActorSystem system, Config settings)
        : base(system)
    {
        _ = settings;
    }

    public override int Identifier => SerializerId;

    public override bool IncludeManifest => false;

    public override byte[] ToBinary(object obj) =>
        throw new SerializationException($"{obj.GetType()} is not bound to a serializer");

    public override object FromBinary(byte[] bytes, Type type) =>
        throw new SerializationException("bytes of the default serializer are refused");
}
