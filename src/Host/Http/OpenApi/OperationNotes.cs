using System.Diagnostics.CodeAnalysis;

namespace EntityActors.Host.Http.OpenApi;

/// <summary>What a parameter of a query takes.</summary>
internal enum ParameterKind
{
    Text, Number, Flag,

    /// <summary>RFC 3339 or ns since 1970.</summary>
    Moment,

    /// <summary>May be given several times.</summary>
    Texts,
}

/// <summary>A query parameter or header of a route.</summary>
internal sealed record ParameterNote(string Name, ParameterKind Kind, string Text, string? Example = null, bool IsHeader = false, bool IsRequired = false);

/// <summary>An answer of a route.</summary>
/// <param name="Shape">Type of its JSON; null for an empty body or bytes.</param>
/// <param name="Example">JSON.</param>
internal sealed record AnswerNote(int Status, string Text, Type? Shape, string? ContentType, [StringSyntax("Json")] string? Example = null);

/// <summary>The body that a route takes.</summary>
internal sealed record BodyNote(Type? Shape, string ContentType, [StringSyntax("Json")] string? Example);

/// <summary>A problem that a route answers besides those that every route may answer.</summary>
internal sealed record ProblemNote(int Status, string[] Codes);

/// <summary>Says of a route what the OpenAPI document tells, where the route is mapped.</summary>
internal static class OperationNotes
{
    private const string Json = "application/json";

    public static RouteHandlerBuilder Named(this RouteHandlerBuilder route, string id, string topic, string summary) =>
        route.WithName(id).WithTags(topic).WithSummary(summary);

    public static RouteHandlerBuilder Takes(this RouteHandlerBuilder route, string name, ParameterKind kind, string text, string? example = null) =>
        route.OfThePast(kind).WithMetadata(new ParameterNote(name, kind, text, example));

    public static RouteHandlerBuilder TakesRequired(this RouteHandlerBuilder route, string name, ParameterKind kind, string text, string? example = null) =>
        route.OfThePast(kind).WithMetadata(new ParameterNote(name, kind, text, example, IsRequired: true));

    public static RouteHandlerBuilder TakesHeader(this RouteHandlerBuilder route, string name, string text, string? example = null) =>
        route.WithMetadata(new ParameterNote(name, ParameterKind.Text, text, example, IsHeader: true));

    public static RouteHandlerBuilder TakesBody<T>(this RouteHandlerBuilder route, [StringSyntax("Json")] string example, string contentType = Json) =>
        route.WithMetadata(new BodyNote(typeof(T), contentType, example)).Problems(415, "unsupported_media_type").Problems(413, "content_too_large");

    public static RouteHandlerBuilder TakesBytes(this RouteHandlerBuilder route) =>
        route.WithMetadata(new BodyNote(null, "application/octet-stream", null)).Problems(415, "unsupported_media_type").Problems(413, "content_too_large");

    public static RouteHandlerBuilder Answers<T>(this RouteHandlerBuilder route, int status, string text, [StringSyntax("Json")] string? example = null,
        string contentType = Json) => route.WithMetadata(new AnswerNote(status, text, typeof(T), contentType, example));

    public static RouteHandlerBuilder AnswersEmpty(this RouteHandlerBuilder route, int status, string text) =>
        route.WithMetadata(new AnswerNote(status, text, null, null));

    public static RouteHandlerBuilder AnswersBytes(this RouteHandlerBuilder route, int status, string text) =>
        route.WithMetadata(new AnswerNote(status, text, null, "*/*"));

    /// <summary>An answer of text that no schema describes.</summary>
    public static RouteHandlerBuilder AnswersText(this RouteHandlerBuilder route, int status, string text, string contentType) =>
        route.WithMetadata(new AnswerNote(status, text, null, contentType));

    public static RouteHandlerBuilder Problems(this RouteHandlerBuilder route, int status, params string[] codes) =>
        route.WithMetadata(new ProblemNote(status, codes));

    /// <summary>Whoever takes a moment may be asked about one whose history was trimmed.</summary>
    private static RouteHandlerBuilder OfThePast(this RouteHandlerBuilder route, ParameterKind kind) =>
        kind == ParameterKind.Moment ? route.Problems(410, "history_trimmed") : route;

    /// <summary>A conditional, repeatable write that answers with a Commit.</summary>
    public static RouteHandlerBuilder Writes(this RouteHandlerBuilder route) => route
        .TakesHeader("If-Match", "Only over this revision, in quotes, or any with *.", "\"3\"")
        .TakesHeader("If-None-Match", "Only * is taken: only when there is no live entity.")
        .TakesHeader("Idempotency-Key", "1 to 256 characters: sent again within ten minutes it is applied once and gets the first answer.", "order-4711")
        .Problems(400, "at_in_future", "too_many_tags").Problems(409, "at_not_later").Problems(410, "purged").Problems(412, "precondition_failed")
        .Problems(422, "command_id_reused").Problems(504, "outcome_unknown").Problems(507, "storage_full");

    /// <summary>A read that knows the client's revision.</summary>
    public static RouteHandlerBuilder Reads(this RouteHandlerBuilder route) => route
        .TakesHeader("If-None-Match", "Revisions in quotes that the client has.", "\"3\"")
        .AnswersEmpty(304, "The client has this revision.").Problems(404, "not_found").Problems(410, "purged");
}
