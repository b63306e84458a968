namespace EntityActors.Storage.Io;

/// <summary>One start of one process, as the cluster knows it.</summary>
/// <param name="Address">Where it is reached; a later start may have the same.</param>
/// <param name="Uid">Drawn at the start: tells it from every other start, at this address too.</param>
public sealed record ProcessIdentity(string Address, long Uid)
{
    public override string ToString() => $"{Address}#{Uid}";
}
