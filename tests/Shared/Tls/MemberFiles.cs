namespace EntityActors.Tests.Shared.Tls;

/// <summary>Paths of what a member proves itself with.</summary>
/// <param name="Certificate">Given as <c>--cluster-certificate</c>.</param>
/// <param name="Key">Given as <c>--cluster-key</c>.</param>
/// <param name="Authority">Given as <c>--cluster-authority</c>.</param>
public sealed record MemberFiles(string Certificate, string Key, string Authority)
{
    public IEnumerable<string> Arguments() =>
        ["--cluster-certificate", Certificate, "--cluster-key", Key, "--cluster-authority", Authority];
}
