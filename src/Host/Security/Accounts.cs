using System.Collections.Immutable;
using System.Text.Json.Serialization;

namespace EntityActors.Host.Security;

/// <summary>A user as it is stored.</summary>
/// <param name="PasswordHash">Of the password library; never sent, never logged.</param>
/// <param name="Generation">Rises when all sessions of the user end: by a new password, by being disabled, or on request.</param>
internal sealed record UserAccount(
    string Name, string Email, ImmutableArray<string> Roles, string PasswordHash, bool IsDisabled, long Generation, DateTimeOffset CreatedAt)
{
    public const int NameCharsMax = 64;
    public const int EmailCharsMax = 256;
    public const int RoleCountMax = 64;

    /// <summary>Names are compared without case, so that none can be taken for another one.</summary>
    public static string Normalize(string name) => name.ToLowerInvariant();

    public static bool IsName(string text) => AccountName.IsValid(text, NameCharsMax);

    // Records print their members.
    public override string ToString() => Name;
}

/// <summary>A role that somebody made.</summary>
/// <param name="Permissions">As text, so that roles are read also by a version that knows more of them.</param>
internal sealed record RoleAccount(string Name, ImmutableArray<string> Permissions)
{
    public const int NameCharsMax = 64;
    public const int PermissionCountMax = 256;

    public static bool IsName(string text) => AccountName.IsValid(text, NameCharsMax);

    [JsonIgnore]
    public ImmutableArray<Permission> Parsed =>
        [.. Permissions.Where(text => Permission.TryParse(text, out _)).Select(Permission.Parse)];
}

/// <summary>A login that is still good.</summary>
/// <param name="Generation">Of the user when it was made; with another one the session is over.</param>
/// <param name="LoginAt">When the password was given; refreshing does not change it.</param>
internal sealed record SessionAccount(string User, long Generation, DateTimeOffset LoginAt, DateTimeOffset CreatedAt, DateTimeOffset ExpiresAt);

/// <summary>Names of users and roles: lower-case letters, digits, '.', '_', '@' and '-', the first one a letter or digit.</summary>
internal static class AccountName
{
    public static bool IsValid(string text, int charsMax)
    {
        if (text.Length == 0 || text.Length > charsMax || !char.IsAsciiLetterOrDigit(text[0])) return false;
        foreach (var letter in text)
        {
            if (!char.IsAsciiLetterLower(letter) && !char.IsAsciiDigit(letter) && letter is not ('.' or '_' or '@' or '-')) return false;
        }

        return true;
    }
}
