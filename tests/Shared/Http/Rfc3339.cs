using System.Globalization;

namespace EntityActors.Tests.Shared.Http;

/// <summary>Times as the HTTP contract writes them: nine fraction digits and <c>Z</c>. Shares no code with the store.</summary>
public static class Rfc3339
{
    private const int WholeChars = 19;

    public static long Parse(string text)
    {
        if (text.Length != WholeChars + 11 || text[WholeChars] != '.' || text[^1] != 'Z')
            throw new FormatException($"not a time with nine fraction digits and Z: {text}");
        var whole = DateTime.ParseExact(text[..WholeChars], "yyyy-MM-dd'T'HH:mm:ss", CultureInfo.InvariantCulture,
            DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal);
        var fraction = long.Parse(text.AsSpan(WholeChars + 1, 9), NumberStyles.None, CultureInfo.InvariantCulture);
        return ((whole.Ticks - DateTime.UnixEpoch.Ticks) * 100) + fraction;
    }

    public static string Format(long nanoseconds)
    {
        var whole = DateTime.UnixEpoch.AddSeconds(nanoseconds / 1_000_000_000);
        return whole.ToString("yyyy-MM-dd'T'HH:mm:ss", CultureInfo.InvariantCulture) + "." + (nanoseconds % 1_000_000_000).ToString("D9") + "Z";
    }
}
