using EntityActors.Actors.Client;
using EntityActors.Actors.Contents;
using EntityActors.Storage.Model;

namespace EntityActors.Host.Http;

/// <summary>A request that is answered with a problem (RFC 9457) instead of a result.</summary>
internal sealed class ApiProblem(int status, string code, string detail, bool isRetryable = false) : Exception(detail)
{
    public int Status { get; } = status;

    public string Code { get; } = code;

    public bool IsRetryable { get; } = isRetryable;

    public int? Shard { get; init; }

    public TimeSpan? RetryAfter { get; init; }

    /// <summary>The earliest moment that can be asked about.</summary>
    public Timestamp? Earliest { get; init; }

    /// <summary>Numbers that belong to this problem, by member name.</summary>
    public IReadOnlyList<(string Name, long Value)> Facts { get; init; } = [];

    public long? ActualRevision { get; init; }

    /// <summary>The same problem, of one operation of a transaction.</summary>
    public ApiProblem In(int operation) => new(Status, Code, $"operation {operation}: {Message}", IsRetryable)
    {
        Facts = [("operation", operation)], ActualRevision = ActualRevision,
    };

    public static ApiProblem Invalid(string detail) => new(StatusCodes.Status400BadRequest, "invalid", detail);

    public static ApiProblem NotFound(string detail) => new(StatusCodes.Status404NotFound, "not_found", detail);

    public static ApiProblem Of(Refusal refusal)
    {
        var (status, code) = CodeOf(refusal.Code);
        return new ApiProblem(status, code, refusal.Detail) { ActualRevision = refusal.ActualRevision };
    }

    public static (int Status, string Code) CodeOf(RefusalCode code) => code switch
    {
        RefusalCode.NotFound => (404, "not_found"),
        RefusalCode.PreconditionFailed => (412, "precondition_failed"),
        RefusalCode.AtNotLater => (409, "at_not_later"),
        RefusalCode.AtInFuture => (400, "at_in_future"),
        RefusalCode.TooManyTags => (400, "too_many_tags"),
        RefusalCode.ContentTooLarge => (413, "content_too_large"),
        RefusalCode.NotDeleted => (409, "not_deleted"),
        RefusalCode.CommandIdReused => (422, "command_id_reused"),
        RefusalCode.Invalid => (400, "invalid"),
        RefusalCode.Purged => (410, "purged"),
        RefusalCode.Archived => (409, "archived"),
        RefusalCode.BlobNotAccepted => (503, "unavailable"),
        _ => throw new InvariantViolationException($"no problem for {code}"),
    };

    private static string CodeOf(int status) => status switch
    {
        408 => "too_slow",
        413 => "content_too_large",
        _ => "bad_request",
    };

    /// <summary>The problem that a failure of the store is, or null when it is a defect of this program.</summary>
    public static ApiProblem? Of(Exception failure) => failure switch
    {
        ApiProblem problem => problem,
        StoreBusyException busy => new ApiProblem(429, "busy", busy.Message, isRetryable: true) { RetryAfter = busy.RetryAfter },
        StoreUnavailableException { IsStorageFull: true } full =>
            new ApiProblem(507, "storage_full", full.Message, isRetryable: true) { RetryAfter = full.RetryAfter, Shard = full.Shard?.Value },
        StoreUnavailableException away =>
            new ApiProblem(503, "unavailable", away.Message, isRetryable: true) { RetryAfter = away.RetryAfter, Shard = away.Shard?.Value },
        OutcomeUnknownException unknown =>
            new ApiProblem(504, "outcome_unknown", unknown.Message, isRetryable: true) { RetryAfter = TimeSpan.FromSeconds(1) },
        EntityCorruptedException lost => new ApiProblem(500, "corrupted", lost.Message) { Shard = lost.Shard.Value },
        DifferentShardsException different => new ApiProblem(422, "different_shards", different.Message).In(different.Operation),
        ContentStalledException stalled => new ApiProblem(408, "too_slow", stalled.Message, isRetryable: true),
        HistoryTrimmedException trimmed => new ApiProblem(410, "history_trimmed", trimmed.Message) { Earliest = trimmed.Earliest },
        CursorExpiredException expired => new ApiProblem(410, "cursor_expired", expired.Message) { Earliest = expired.Earliest },
        InvalidQueryException query => new ApiProblem(400, "invalid_query", query.Message),
        BadHttpRequestException bad => new ApiProblem(bad.StatusCode, CodeOf(bad.StatusCode), bad.Message, isRetryable: bad.StatusCode == 408),
        System.Text.DecoderFallbackException => Invalid("the body is not valid UTF-8"),
        _ => null,
    };
}
