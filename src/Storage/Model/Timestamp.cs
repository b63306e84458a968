using System.Globalization;

namespace EntityActors.Storage.Model;

/// <summary>A moment in nanoseconds since 1970-01-01T00:00:00Z. Valid from 1; 0 means "no time".</summary>
public readonly record struct Timestamp(long Nanoseconds) : IComparable<Timestamp>
{
    public const long NanosecondsPerSecond = 1_000_000_000;

    /// <summary>Characters of an RFC 3339 time up to its seconds; a fraction can only stand behind them.</summary>
    private const int SecondsLength = 19;

    /// <summary>Without an offset a time could mean any of 38 moments.</summary>
    private static readonly string[] Rfc3339 = ["yyyy-MM-dd'T'HH:mm:ss'Z'", "yyyy-MM-dd'T'HH:mm:sszzz"];

    public static readonly Timestamp MaxValue = new(long.MaxValue);

    public int CompareTo(Timestamp other) => Nanoseconds.CompareTo(other.Nanoseconds);

    public Timestamp Plus(TimeSpan duration) => new(Nanoseconds + (duration.Ticks * 100));

    public static Timestamp FromDateTimeOffset(DateTimeOffset moment) => new((moment.UtcTicks - DateTime.UnixEpoch.Ticks) * 100);

    /// <summary>RFC 3339 with nine fraction digits and <c>Z</c>.</summary>
    public override string ToString()
    {
        var (seconds, fraction) = Math.DivRem(Nanoseconds, NanosecondsPerSecond);
        if (fraction < 0)
        {
            seconds--;
            fraction += NanosecondsPerSecond;
        }

        return DateTimeOffset.FromUnixTimeSeconds(seconds).ToString("yyyy-MM-ddTHH:mm:ss", CultureInfo.InvariantCulture)
            + "." + fraction.ToString("D9", CultureInfo.InvariantCulture) + "Z";
    }

    /// <summary>Accepts a count of ns since 1970, or RFC 3339 with up to nine fraction digits and any offset.</summary>
    /// <returns>False when the text is neither, or lies outside 1970 … 2262.</returns>
    public static bool TryParse(string? text, out Timestamp moment)
    {
        moment = default;
        if (string.IsNullOrEmpty(text)) return false;
        if (long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var count))
        {
            moment = new Timestamp(count);
            return count > 0;
        }

        return TryParseRfc3339(text, out moment);
    }

    private static bool TryParseRfc3339(string text, out Timestamp moment)
    {
        moment = default;
        var fraction = 0L;
        var whole = text;
        var dot = text.IndexOf('.', StringComparison.Ordinal);
        if (dot >= 0)
        {
            if (dot != SecondsLength) return false;
            var end = dot + 1;
            while (end < text.Length && char.IsAsciiDigit(text[end])) end++;
            var digits = end - dot - 1;
            if (digits is 0 or > 9) return false;
            fraction = long.Parse(text.AsSpan(dot + 1, digits), NumberStyles.None, CultureInfo.InvariantCulture);
            for (var i = digits; i < 9; i++) fraction *= 10;
            whole = string.Concat(text.AsSpan(0, dot), text.AsSpan(end));
        }

        if (!DateTimeOffset.TryParseExact(whole, Rfc3339, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var parsed)) return false;
        var nanoseconds = ((Int128)parsed.ToUnixTimeSeconds() * NanosecondsPerSecond) + fraction;
        if (nanoseconds < 1 || nanoseconds > long.MaxValue) return false;
        moment = new Timestamp((long)nanoseconds);
        return true;
    }

    public static bool operator <(Timestamp left, Timestamp right) => left.Nanoseconds < right.Nanoseconds;
    public static bool operator >(Timestamp left, Timestamp right) => left.Nanoseconds > right.Nanoseconds;
    public static bool operator <=(Timestamp left, Timestamp right) => left.Nanoseconds <= right.Nanoseconds;
    public static bool operator >=(Timestamp left, Timestamp right) => left.Nanoseconds >= right.Nanoseconds;
}
