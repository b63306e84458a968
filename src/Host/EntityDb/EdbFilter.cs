using System.Collections.Immutable;
using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using EntityActors.Actors.Protocol;
using EntityActors.Host.Http;
using EntityActors.Storage.Model;

namespace EntityActors.Host.EntityDb;

/// <summary>What a list or query looks for: tags that the index answers, and what is left to look at on each match.</summary>
internal sealed record EdbFilter
{
    private static readonly TimeSpan MatchMax = TimeSpan.FromMilliseconds(50);

    public ImmutableArray<TagPattern> Tags { get; init; } = [];

    public bool MatchesAny { get; init; }

    public Lifecycle? Lifecycle { get; init; } = Storage.Model.Lifecycle.Active;

    /// <summary>Text that the content holds; null for any content.</summary>
    public string? Search { get; init; }

    private Func<EntityHead, bool> Holds { get; init; } = static _ => true;

    public bool Matches(EntitySnapshot entity) => Holds(entity.Head) && (Search is null || HoldsText(entity.Content));

    /// <summary>Reads tag, tags with matchAll, wildcard, namespace, search and filter with operator and value.</summary>
    /// <exception cref="ApiProblem">400.</exception>
    public static EdbFilter Read(EdbRequest request)
    {
        var all = ImmutableArray.CreateBuilder<TagPattern>();
        Func<EntityHead, bool> holds = static _ => true;
        if (request.Text("tag") is { } tag) all.Add(Exact(tag));
        if (request.Text("namespace") is { } name) all.Add(Pattern(name + ":*"));
        if (request.Text("wildcard") is { } wildcard)
        {
            var star = wildcard.IndexOf('*', StringComparison.Ordinal);
            if (star < 0) all.Add(Exact(wildcard));
            else all.Add(Pattern(wildcard[..star] + "*"));
            if (star >= 0 && star != wildcard.Length - 1) holds = And(holds, HoldsLike(Glob(wildcard)));
        }

        var tags = request.Text("tags")?.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries) ?? [];
        if (tags.Length > TagQuery.PatternCountMax) throw ApiProblem.Invalid($"At most {TagQuery.PatternCountMax} tags");
        var matchesAny = tags.Length > 1 && !request.Flag("matchAll");
        // One of several tags is for the index only when nothing else is.
        if (!matchesAny || all.Count == 0) all.AddRange(tags.Select(Exact));
        else holds = And(holds, head => head.Tags.Any(held => tags.Contains(held.Text, StringComparer.Ordinal)));
        if (request.Text("filter") is { } field) holds = And(holds, Field(field, request.Text("operator") ?? "eq", request.Text("value") ?? ""));
        return new EdbFilter
        {
            Tags = all.ToImmutable(), MatchesAny = matchesAny && all.Count == tags.Length, Search = request.Text("search"), Holds = holds,
        };
    }

    public static TagPattern Exact(string text)
    {
        var tag = EdbTags.Plain(text);
        // A star within a tag is a letter like any other; a pattern would take the last one for a beginning.
        if (Tag.Problem(tag) is { } problem) throw ApiProblem.Invalid($"Invalid tag '{tag}': {problem}");
        return new TagPattern(tag, IsPrefix: false);
    }

    private static TagPattern Pattern(string prefix)
    {
        QueryEndpoints.CheckPrefix(prefix);
        return TagPattern.Parse(prefix);
    }

    private static Func<EntityHead, bool> And(Func<EntityHead, bool> first, Func<EntityHead, bool> second) => head => first(head) && second(head);

    private static Func<EntityHead, bool> HoldsLike(Func<string, bool> matches) => head => head.Tags.Any(tag => matches(tag.Text));

    /// <summary>Whether a text is like a pattern, in which * stands for any letters.</summary>
    /// <exception cref="ApiProblem">400: it is longer than a tag, so that no tag is like it.</exception>
    public static Func<string, bool> Glob(string pattern) =>
        new Regex("^" + Regex.Escape(QueryEndpoints.CheckPrefix(pattern)).Replace("\\*", ".*", StringComparison.Ordinal) + "$",
            RegexOptions.NonBacktracking | RegexOptions.Singleline, MatchMax).IsMatch;

    /// <summary>Comparisons of one field: created_at, updated_at, id, tag_count or tag:NAME.</summary>
    private static Func<EntityHead, bool> Field(string field, string operation, string value)
    {
        Func<EntityHead, IEnumerable<string>> values = field switch
        {
            "id" => static head => [head.Key.Id],
            "created_at" => static head => [head.CreatedAt.Nanoseconds.ToString(CultureInfo.InvariantCulture)],
            "updated_at" => static head => [head.UpdatedAt.Nanoseconds.ToString(CultureInfo.InvariantCulture)],
            "tag_count" => static head => [head.Tags.Length.ToString(CultureInfo.InvariantCulture)],
            _ when field.StartsWith("tag:", StringComparison.Ordinal) && field.Length > 4 => ValuesOf(field[4..] + ":"),
            _ => throw ApiProblem.Invalid($"Unknown filter '{field}': created_at, updated_at, id, tag_count or tag:NAME"),
        };
        if (field is "created_at" or "updated_at" && Timestamp.TryParse(value, out var moment))
            value = moment.Nanoseconds.ToString(CultureInfo.InvariantCulture);
        Func<string, bool> holds = operation switch
        {
            "eq" => text => text == value,
            "ne" => text => text != value,
            "gt" => text => Compare(text, value) > 0,
            "gte" => text => Compare(text, value) >= 0,
            "lt" => text => Compare(text, value) < 0,
            "lte" => text => Compare(text, value) <= 0,
            "like" => Glob("*" + value.Trim('%').Replace('%', '*') + "*"),
            "in" => text => value.Split(',', StringSplitOptions.TrimEntries).Contains(text, StringComparer.Ordinal),
            _ => throw ApiProblem.Invalid($"Unknown operator '{operation}': eq, ne, gt, gte, lt, lte, like or in"),
        };
        // Not equal is said of all values; everything else of one.
        return operation == "ne" ? head => values(head).All(holds) : head => values(head).Any(holds);
    }

    private static Func<EntityHead, IEnumerable<string>> ValuesOf(string prefix) => head =>
        head.Tags.Where(tag => tag.Text.StartsWith(prefix, StringComparison.Ordinal)).Select(tag => tag.Text[prefix.Length..]);

    /// <summary>As numbers when both are, otherwise as texts.</summary>
    public static int Compare(string left, string right) =>
        decimal.TryParse(left, NumberStyles.Float, CultureInfo.InvariantCulture, out var first)
        && decimal.TryParse(right, NumberStyles.Float, CultureInfo.InvariantCulture, out var second)
            ? first.CompareTo(second)
            : string.CompareOrdinal(left, right);

    private bool HoldsText(Content? content) =>
        content is { IsCleared: false, Blob: null } && content.Bytes.Span.IndexOf(Encoding.UTF8.GetBytes(Search!)) >= 0;
}
