namespace EntityActors.Actors.Tests.Shards;

internal static class Causes
{
    public static Exception Innermost(Exception cause)
    {
        while (cause.InnerException is { } inner) cause = inner;
        return cause;
    }
}
