using System.Security.Cryptography;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace EntityActors.Host.Security.Audit;

/// <summary>Layout of the log: a line is the SHA-256 of its JSON as 64 hex digits, a space, the JSON, a line feed.</summary>
/// <remarks>The JSON holds the hash of the line before, so a line cannot be changed, left out or put in without changing all that follow.</remarks>
internal static class AuditLine
{
    public const int HashChars = 64;

    /// <summary>Longest line that is read: more than the texts of an entry take when every character is escaped.</summary>
    public const int BytesMax = 64 * 1024;

    public static readonly string NoHash = new('0', HashChars);

    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web) { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public static (byte[] Line, string Hash) Write(AuditEntry entry)
    {
        var json = JsonSerializer.SerializeToUtf8Bytes(entry, Json);
        var hash = HashOf(json);
        return ([.. System.Text.Encoding.ASCII.GetBytes(hash), (byte)' ', .. json, (byte)'\n'], hash);
    }

    /// <param name="line">Without its line feed.</param>
    /// <returns>False when it is no line of a log, or its hash is not that of its JSON.</returns>
    public static bool TryRead(ReadOnlySpan<byte> line, out AuditEntry entry, out string hash)
    {
        entry = null!;
        hash = "";
        if (line.Length <= HashChars + 1 || line[HashChars] != ' ') return false;
        var json = line[(HashChars + 1)..];
        hash = HashOf(json);
        if (System.Text.Encoding.Latin1.GetString(line[..HashChars]) != hash) return false;
        try
        {
            entry = JsonSerializer.Deserialize<AuditEntry>(json, Json)!;
            return entry is not null;
        }
        catch (JsonException)
        {
            return false;
        }
    }

    private static string HashOf(ReadOnlySpan<byte> json) => Convert.ToHexStringLower(SHA256.HashData(json));
}
