using System.Buffers.Text;
using System.Security.Cryptography;

namespace EntityActors.Host.Security;

/// <summary>Tokens of sessions: 256 random bits that mean nothing. Only their hash is stored, so what is on disk opens nothing.</summary>
internal static class SessionToken
{
    private const int TokenBytes = 32;

    /// <summary>Length of every token in characters.</summary>
    public static readonly int TokenChars = Base64Url.GetEncodedLength(TokenBytes);

    public static string New() => Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(TokenBytes));

    /// <summary>Id of the session that a token opens: its SHA-256. Null when the text can be no token.</summary>
    public static string? IdOf(string token)
    {
        if (token.Length != TokenChars) return null;
        Span<byte> bytes = stackalloc byte[TokenBytes];
        return Base64Url.TryDecodeFromChars(token, bytes, out var count) && count == TokenBytes && Base64Url.EncodeToString(bytes) == token
            ? Convert.ToHexStringLower(SHA256.HashData(bytes))
            : null;
    }
}
