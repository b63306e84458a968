namespace EntityActors.Actors.Tls;

/// <summary>A node cannot talk to the members of its cluster in a way that is safe. The message is one sentence; nothing was opened or made.</summary>
public sealed class ClusterSecurityException(ClusterSecurityProblem problem, string message) : Exception(message)
{
    public ClusterSecurityProblem Problem { get; } = problem;
}

public enum ClusterSecurityProblem
{
    /// <summary>The node listens outside loopback without TLS.</summary>
    PlainText = 1,

    /// <summary>Some of the three files are not named.</summary>
    Incomplete = 2,

    /// <summary>A file is not there or cannot be read.</summary>
    Unreadable = 3,

    /// <summary>A file holds no certificate, or none that can be read.</summary>
    NoCertificate = 4,

    /// <summary>The key's file holds no private key that can be read without a password.</summary>
    NoKey = 5,

    /// <summary>The key is another certificate's.</summary>
    KeyDoesNotFit = 6,

    /// <summary>The certificate does not come from the authority.</summary>
    OtherAuthority = 7,

    /// <summary>The certificate, or one between it and the authority, has expired or is not valid yet.</summary>
    NotValidNow = 8,

    /// <summary>The certificate may not be used for what a member needs it for: both ends of a connection.</summary>
    OtherUse = 9,

    /// <summary>The host name or address is not among the certificate's alternative names.</summary>
    OtherHost = 10,
}
