namespace EntityActors.Host.Cli;

/// <summary>What the program says to its caller when it ends.</summary>
public static class ExitCode
{
    public const int Ok = 0;
    public const int Usage = 1;
    public const int NotFound = 2;
    public const int Conflict = 3;
    public const int Denied = 4;
    public const int Unavailable = 5;
    public const int Damage = 6;

    /// <summary>The other members of the cluster go on without this node.</summary>
    public const int Downed = 7;
}
