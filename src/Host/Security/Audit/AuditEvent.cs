namespace EntityActors.Host.Security.Audit;

/// <summary>What somebody did or was kept from doing. Never a password, token or hash of one.</summary>
/// <param name="Kind">Like <c>login</c>, <c>denied</c>, <c>user_created</c>.</param>
/// <param name="User">Who did it; "" when nobody is known. Of a failed login the user whose name was given.</param>
/// <param name="Target">What it was done to.</param>
/// <param name="Client">Address that the request came from.</param>
internal sealed record AuditEvent(string Kind, string User, string Target, string Client, string Detail = "")
{
    /// <summary>Longest text of each member in characters; what is longer is cut.</summary>
    public const int TextCharsMax = 512;
}

/// <summary>A line of the audit log.</summary>
/// <param name="Sequence">1, 2, 3 … per node.</param>
/// <param name="Unlisted">Denials and failed logins before this one that were only counted.</param>
/// <param name="Previous">Hash of the entry before; 64 zeros for the first.</param>
internal sealed record AuditEntry(
    long Sequence, DateTimeOffset At, string Kind, string User, string Target, string Client, string Detail, long Unlisted, string Previous);
