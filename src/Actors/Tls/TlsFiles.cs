namespace EntityActors.Actors.Tls;

/// <summary>Paths of the PEM files with which a member proves who it is; empty is not given. Either all are given or none.</summary>
/// <param name="Certificate">The member's certificate, and behind it any between it and the authority.</param>
/// <param name="Key">Its private key, RSA or ECDSA, not encrypted.</param>
/// <param name="Authority">Root certificates; a peer's certificate must come from one of them.</param>
public sealed record TlsFiles(string Certificate, string Key, string Authority);
