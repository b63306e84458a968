using System.Text;
using EntityActors.Actors.Client;
using EntityActors.Actors.Protocol;
using EntityActors.Storage.Model;
using EntityActors.Tests.Shared.Http;
using EntityActors.Tests.Shared.Model;

namespace EntityActors.Chaos.Clients;

/// <summary>The actor protocol through the store's client. Answers take the shapes of the HTTP contract, so that all clients are checked alike.</summary>
internal sealed class ActorConnection(IEntityStore store, string dataset) : IStoreConnection
{
    public async Task<WriteAnswer> WriteAsync(Operation operation)
    {
        try
        {
            return await store.ExecuteAsync(CommandOf(operation), CancellationToken.None) switch
            {
                CommandResult.Committed { Commit: var commit } => new WriteAnswer(commit.Created ? 201 : 200, new CommitShape(dataset, commit.Key.Id, commit.Revision,
                    commit.At.Nanoseconds, commit.Shard.Value, commit.Sequence.Value, commit.Duplicate), null, null, ""),
                CommandResult.Refused { Refusal: var refusal } => Refused(refusal),
                var other => throw new InvalidOperationException($"unknown result {other}"),
            };
        }
        catch (StoreException failure)
        {
            var (status, code) = StatusOf(failure);
            return new WriteAnswer(status, null, new ProblemShape(code, status != 500, failure.Message, null), null, failure.Message);
        }
    }

    public Task<EntityShape?> GetAsync(string id, long? asOf) => ReadAsync(async () =>
    {
        var found = await store.GetAsync(new EntityKey(dataset, id), asOf is { } at ? new Timestamp(at) : null, withContent: true, CancellationToken.None);
        return found is { Head.Lifecycle: Lifecycle.Active } ? Shape(found) : null;
    });

    public Task<IReadOnlyList<EntityShape>> FindAsync(string tag, long? asOf) => ReadAsync<IReadOnlyList<EntityShape>>(async () =>
    {
        var query = new TagQuery(dataset, [new TagPattern(tag, false)], false, [], Lifecycle.Active);
        var items = new List<EntityShape>();
        string? cursor = null;
        do
        {
            var page = await store.QueryAsync(new EntityQuery(query, asOf is { } at ? new Timestamp(at) : null, 100, cursor, false, true), CancellationToken.None);
            items.AddRange(page.Items.Select(Shape));
            cursor = page.Cursor;
        }
        while (cursor is not null);
        return items;
    });

    private static async Task<T> ReadAsync<T>(Func<Task<T>> read)
    {
        try
        {
            return await read();
        }
        catch (StoreException failure)
        {
            throw new NotAnsweredException(StatusOf(failure).Status, failure.Message, failure);
        }
    }

    private static (int Status, string Code) StatusOf(StoreException failure) => failure switch
    {
        StoreBusyException => (429, "busy"),
        StoreUnavailableException { IsStorageFull: true } => (507, "storage_full"),
        StoreUnavailableException => (503, "unavailable"),
        OutcomeUnknownException => (504, "outcome_unknown"),
        InvalidQueryException => (400, "invalid_query"),
        _ => (500, failure.GetType().Name),
    };

    private static WriteAnswer Refused(Refusal refusal)
    {
        var (status, code) = refusal.Code switch
        {
            RefusalCode.NotFound => (404, "not_found"),
            RefusalCode.PreconditionFailed => (412, "precondition_failed"),
            RefusalCode.NotDeleted => (409, "not_deleted"),
            var other => (400, other.ToString()),
        };
        return new WriteAnswer(status, null, new ProblemShape(code, false, refusal.Detail, refusal.ActualRevision), null, refusal.Detail);
    }

    private EntityCommand CommandOf(Operation operation)
    {
        var (key, id) = (new EntityKey(dataset, operation.Id), CommandId.FromText(operation.CommandId.ToString()));
        var condition = operation.IfMatch is { } revision ? RevisionCondition.MustBe(revision)
            : operation.IfAbsent ? RevisionCondition.MustNotExist : default;
        return operation.Kind switch
        {
            OperationKind.Put => new PutEntity(key, id, operation.Client, null, condition, TagSet.Normalize(operation.Add.Select(static tag => new Tag(tag))),
                operation.ContentJson is { } json ? new Content(ModelState.JsonType, Encoding.UTF8.GetBytes(json)) : null),
            OperationKind.PatchTags => new ChangeTags(key, id, operation.Client, null, condition, TagSet.Normalize(operation.Add.Select(static tag => new Tag(tag))),
                TagSet.Normalize(operation.Remove.Select(static tag => new Tag(tag)))),
            OperationKind.PutContent => new PutContent(key, id, operation.Client, null, condition, new Content(ModelState.BytesType, operation.ContentBytes!)),
            OperationKind.Delete => new DeleteEntity(key, id, operation.Client, null, condition),
            OperationKind.Restore => new RestoreEntity(key, id, operation.Client, null, condition),
            _ => throw new InvalidOperationException($"unknown operation {operation.Kind}"),
        };
    }

    private EntityShape Shape(EntitySnapshot found)
    {
        var head = found.Head;
        var content = found.Content is not { IsCleared: false } bytes ? null
            : head.ContentType == ModelState.JsonType ? Encoding.UTF8.GetString(bytes.Bytes.Span)
            : $"\"{Convert.ToBase64String(bytes.Bytes.Span)}\"";
        return new EntityShape(dataset, head.Key.Id, head.Revision, "active", head.CreatedAt.Nanoseconds, head.UpdatedAt.Nanoseconds,
            [.. head.Tags.Select(static tag => tag.Text)], head.ContentType, head.ContentLength, content);
    }
}
