using System.Text.Json;
using EntityActors.Storage.Model;

namespace EntityActors.Host.Http;

/// <summary>The members <c>expiresAt</c> (a moment, or null for never) and <c>ttl</c> (seconds) of a body.</summary>
internal static class ExpiryReader
{
    public const string ExpiresAt = "expiresAt";
    public const string TimeToLive = "ttl";

    /// <returns>Null when the body has neither member.</returns>
    /// <exception cref="ApiProblem">They say no time, or exclude each other.</exception>
    public static Expiry? Read(JsonElement body)
    {
        var (hasMoment, hasSeconds) = (body.TryGetProperty(ExpiresAt, out var moment), body.TryGetProperty(TimeToLive, out var seconds));
        if (hasMoment && hasSeconds) throw ApiProblem.Invalid("expiresAt and ttl exclude each other");
        if (hasSeconds) return new Expiry(null, Seconds(seconds));
        if (!hasMoment) return null;
        return moment.ValueKind == JsonValueKind.Null ? Expiry.Never : new Expiry(RequestReader.Moment(moment, ExpiresAt), null);
    }

    private static TimeSpan Seconds(JsonElement value)
    {
        if (value.ValueKind != JsonValueKind.Number || !value.TryGetDouble(out var seconds) || seconds is not > 0 || seconds > Expiry.AfterMax.TotalSeconds)
            throw ApiProblem.Invalid($"ttl is a number of seconds above 0 and up to {Expiry.AfterMax.TotalSeconds:F0}");
        var after = TimeSpan.FromSeconds(seconds);
        return after > TimeSpan.Zero ? after : throw ApiProblem.Invalid("ttl is less than 100 ns");
    }
}
