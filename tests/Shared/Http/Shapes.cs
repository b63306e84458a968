using System.Collections.Immutable;

namespace EntityActors.Tests.Shared.Http;

/// <summary>A Commit of the HTTP contract.</summary>
public sealed record CommitShape(string Dataset, string Id, long Revision, long At, int Shard, long Sequence, bool Duplicate);

/// <summary>A Problem of the HTTP contract.</summary>
/// <param name="ActualRevision">Of the entity as it is, when the problem is a refusal; null otherwise.</param>
public sealed record ProblemShape(string Code, bool Retryable, string Detail, long? ActualRevision);

/// <summary>Answer to a write: a commit, or a problem, or (broken contract) neither.</summary>
public sealed record WriteAnswer(int Status, CommitShape? Commit, ProblemShape? Problem, string? ETag, string Body)
{
    public override string ToString() => $"{Status} {Body}";
}

/// <summary>An Entity of the HTTP contract.</summary>
/// <param name="ContentText">JSON text of the content as it came; null when absent or null.</param>
public sealed record EntityShape(
    string Dataset, string Id, long Revision, string Lifecycle, long CreatedAt, long UpdatedAt, ImmutableArray<string> Tags,
    string? ContentType, long ContentLength, string? ContentText);

/// <summary>A Change of the HTTP contract.</summary>
/// <param name="Lifecycle">Null when the change left it alone.</param>
/// <param name="ContentText">JSON text of the new content; null when the change left it alone or cleared it.</param>
public sealed record ChangeShape(
    string Dataset, string Id, long Revision, long At, long RecordedAt, string Author, ImmutableArray<string> Added,
    ImmutableArray<string> Removed, string? Lifecycle, string? ContentText);

/// <param name="BeforeJson">Raw JSON of the state before; null when it was null.</param>
public sealed record DiffShape(
    ImmutableArray<string> Added, ImmutableArray<string> Removed, bool ContentChanged, string? BeforeJson, string? AfterJson,
    long? RevisionBefore, long? RevisionAfter);

/// <summary>Answer to an import.</summary>
public sealed record ImportShape(long Applied, long Duplicate, ImmutableArray<ImportRejection> Rejected);

public sealed record ImportRejection(int Line, string Code, string Detail);

/// <summary>A page of a tag query.</summary>
public sealed record PageShape(ImmutableArray<EntityShape> Items, string? Cursor, long? Total);
