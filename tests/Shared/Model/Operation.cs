using System.Collections.Immutable;
using EntityActors.Tests.Shared.Http;

namespace EntityActors.Tests.Shared.Model;

public enum OperationKind
{
    Put = 1,
    PatchTags = 2,
    PutContent = 3,
    Delete = 4,
    Restore = 5,
}

public enum OperationOutcome
{
    /// <summary>No definite answer before the kill: it took effect once or not at all.</summary>
    Unknown = 0,
    Acknowledged = 1,
    Refused = 2,
}

/// <summary>One write of one client. Its command id stays the same over retries.</summary>
public sealed class Operation
{
    public required string Client { get; init; }

    public required OperationKind Kind { get; init; }

    public required string Id { get; init; }

    public required Guid CommandId { get; init; }

    /// <summary>Tags of a put, or tags to add.</summary>
    public ImmutableArray<string> Add { get; init; } = [];

    public ImmutableArray<string> Remove { get; init; } = [];

    public string? ContentJson { get; init; }

    public byte[]? ContentBytes { get; init; }

    public long? IfMatch { get; init; }

    public bool IfAbsent { get; init; }

    /// <summary>Monotonic time when the first attempt was sent.</summary>
    public long StartedTicks { get; set; }

    /// <summary>Monotonic time of the definite answer.</summary>
    public long EndedTicks { get; set; } = long.MaxValue;

    public OperationOutcome Outcome { get; set; }

    public CommitShape? Commit { get; set; }

    public Task<WriteAnswer> SendAsync(StoreHttp http, string dataset)
    {
        var conditions = new WriteConditions(IfMatch, IfAbsent, CommandId);
        return Kind switch
        {
            OperationKind.Put => http.PutAsync(dataset, Id, Add, ContentJson, conditions),
            OperationKind.PatchTags => http.PatchTagsAsync(dataset, Id, Add, Remove, conditions),
            OperationKind.PutContent => http.PutContentAsync(dataset, Id, ContentBytes!, ModelState.BytesType, conditions),
            OperationKind.Delete => http.DeleteAsync(dataset, Id, conditions),
            OperationKind.Restore => http.RestoreAsync(dataset, Id, conditions),
            _ => throw new InvalidOperationException($"unknown operation {Kind}"),
        };
    }

    public override string ToString() =>
        $"{Client} {Kind} {Id} ifMatch={IfMatch} ifAbsent={IfAbsent} +[{string.Join(' ', Add)}] -[{string.Join(' ', Remove)}] "
        + $"command={CommandId} {Outcome} revision={Commit?.Revision}";
}
