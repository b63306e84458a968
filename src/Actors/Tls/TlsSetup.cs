using Akka.Actor;
using Akka.Actor.Setup;

namespace EntityActors.Actors.Tls;

/// <summary>Hands the node's certificate to <see cref="TlsTransport"/>, which Akka creates by name.</summary>
internal sealed class TlsSetup(MemberCertificate certificate) : Setup
{
    public MemberCertificate Certificate { get; } = certificate;

    /// <exception cref="InvalidOperationException">The actor system was started without this setup.</exception>
    public static MemberCertificate CertificateOf(ActorSystem system)
    {
        var setup = system.Settings.Setup.Get<TlsSetup>();
        return setup.HasValue
            ? setup.Value.Certificate
            : throw new InvalidOperationException($"the actor system was started without {nameof(TlsSetup)}");
    }
}
