using System.Text;
using System.Text.Json;
using EntityActors.Actors.Client;
using EntityActors.Actors.Protocol;
using EntityActors.Host.Http.OpenApi;
using EntityActors.Host.Security;
using EntityActors.Storage.Model;
using Microsoft.Net.Http.Headers;

namespace EntityActors.Host.Http;

/// <summary>Routes of one entity.</summary>
internal static class EntityEndpoints
{
    internal const string Route = "/v1/datasets/{ds}/entities/{id}";

    public static void Map(IEndpointRouteBuilder routes)
    {
        routes.MapPut(Route, PutAsync).Requires("entity:write").Named("putEntity", "Entities", "Sets the whole state of an entity, also of a deleted one.")
            .TakesBody<PutBody>(ApiExamples.Put).Writes().Problems(409, "archived")
            .Answers<CommitShape>(201, "Its first revision.", ApiExamples.Commit).Answers<CommitShape>(200, "A further revision.", ApiExamples.Commit);
        routes.MapMethods(Route, RequestReader.Reads, GetAsync).Requires("entity:read").Named("getEntity", "Entities", "An entity, now or as of a moment.")
            .Takes("asOf", ParameterKind.Moment, "The moment; now when absent.", ApiExamples.Moment).Reads()
            .Answers<EntityShape>(200, "The entity.", ApiExamples.Entity);
        routes.MapPatch(Route + "/tags", PatchTagsAsync).Requires("entity:write").Named("changeTags", "Entities", "Adds and removes tags of an entity.")
            .TakesBody<TagsBody>(ApiExamples.Tags).Writes().Problems(404, "not_found").Problems(409, "archived")
            .Answers<CommitShape>(200, "Changed.", ApiExamples.Commit);
        routes.MapMethods(Route + "/history", RequestReader.Reads, HistoryAsync).Requires("entity:read")
            .Named("getHistory", "Entities", "Changes of an entity, oldest first.")
            .Takes("from", ParameterKind.Moment, "Earliest, included.", ApiExamples.Moment)
            .Takes("to", ParameterKind.Moment, "Latest, included.", ApiExamples.Moment)
            .Takes("limit", ParameterKind.Number, $"1 to {HistoryQuery.LimitMax}; 100 when absent.", "20")
            .Takes("cursor", ParameterKind.Text, "Of the page before.").Problems(404, "not_found").Problems(410, "purged")
            .Answers<ChangePageShape>(200, "A page.", ApiExamples.History);
        routes.MapMethods(Route + "/diff", RequestReader.Reads, DiffAsync).Requires("entity:read")
            .Named("getDiff", "Entities", "What changed between two moments.")
            .TakesRequired("from", ParameterKind.Moment, "The earlier moment.", ApiExamples.Moment)
            .Takes("to", ParameterKind.Moment, "The later one; now when absent.", ApiExamples.Moment).Problems(404, "not_found").Problems(410, "purged")
            .Answers<DiffShape>(200, "The difference.", ApiExamples.Diff);
    }

    /// <summary>Content of a JSON body: a value as JSON, or base64 for any other type.</summary>
    public static Content? ContentOf(JsonElement body)
    {
        var type = body.TryGetProperty("contentType", out var given) ? RequestReader.Text(given, "contentType") : null;
        if (type is not null) CheckMediaType(type);
        var hasValue = body.TryGetProperty("content", out var value);
        if (body.TryGetProperty("contentBase64", out var base64))
        {
            if (hasValue) throw ApiProblem.Invalid("content and contentBase64 exclude each other");
            return new Content(type ?? "application/octet-stream", RequestReader.Base64(base64, "contentBase64"));
        }

        if (!hasValue) return type is null ? null : throw ApiProblem.Invalid("contentType without content");
        if (type is null || JsonShapes.IsJson(type)) return new Content(type ?? "application/json", Encoding.UTF8.GetBytes(value.GetRawText()));
        return new Content(type, Encoding.UTF8.GetBytes(RequestReader.Text(value, "content")));
    }

    /// <summary>A time of its own needs a permission of its own.</summary>
    public static Timestamp? At(HttpContext context, JsonElement body)
    {
        var at = RequestReader.At(body);
        if (at is not null) context.Demand("entity", "backfill", RequestReader.Dataset(context));
        return at;
    }

    private static async Task PutAsync(HttpContext context, IEntityStore store)
    {
        _ = RequestReader.Query(context);
        using var body = await RequestReader.ObjectAsync(context, "tags", "content", "contentBase64", "contentType", "at",
            ExpiryReader.ExpiresAt, ExpiryReader.TimeToLive);
        var root = body.RootElement;
        await ExecuteAsync(context, store, new PutEntity(RequestReader.Key(context), RequestReader.CommandId(context), context.Author(),
            At(context, root), RequestReader.Condition(context), RequestReader.Tags(root, "tags", isRequired: false), ContentOf(root))
        {
            Expiry = ExpiryReader.Read(root),
        });
    }

    private static async Task PatchTagsAsync(HttpContext context, IEntityStore store)
    {
        _ = RequestReader.Query(context);
        using var body = await RequestReader.ObjectAsync(context, "add", "remove", "at", ExpiryReader.ExpiresAt, ExpiryReader.TimeToLive);
        var root = body.RootElement;
        await ExecuteAsync(context, store, new ChangeTags(RequestReader.Key(context), RequestReader.CommandId(context), context.Author(),
            At(context, root), RequestReader.Condition(context),
            RequestReader.Tags(root, "add", isRequired: false), RequestReader.Tags(root, "remove", isRequired: false))
        {
            Expiry = ExpiryReader.Read(root),
        });
    }

    /// <summary>Executes the command and answers with its Commit.</summary>
    /// <exception cref="ApiProblem">It was refused.</exception>
    internal static async Task ExecuteAsync(HttpContext context, IEntityStore store, EntityCommand command) =>
        await AnswerAsync(context, await store.ExecuteAsync(command, context.RequestAborted));

    internal static async Task AnswerAsync(HttpContext context, CommandResult result)
    {
        switch (result)
        {
            case CommandResult.Committed committed:
                var commit = committed.Commit;
                context.Response.Headers.ETag = $"\"{commit.Revision}\"";
                var status = commit.Created ? StatusCodes.Status201Created : StatusCodes.Status200OK;
                await JsonShapes.WriteAsync(context, status, json => JsonShapes.Commit(json, commit));
                break;
            case CommandResult.Refused refused:
                throw ApiProblem.Of(refused.Refusal);
            case var other:
                throw new InvariantViolationException($"unknown result {other.GetType()}");
        }
    }

    private static async Task GetAsync(HttpContext context, IEntityStore store)
    {
        var asOf = RequestReader.Time(RequestReader.Query(context, "asOf"), "asOf");
        var entity = await FindAsync(context, store, asOf);
        if (IsNotModified(context, entity.Head)) return;
        await JsonShapes.WriteAsync(context, StatusCodes.Status200OK, json => JsonShapes.Entity(json, entity));
    }

    private static async Task HistoryAsync(HttpContext context, IEntityStore store)
    {
        var query = RequestReader.Query(context, "from", "to", "limit", "cursor");
        var after = 0L;
        if (RequestReader.Single(query, "cursor") is { } cursor
            && (!long.TryParse(cursor, System.Globalization.NumberStyles.None, null, out after) || after < 1))
        {
            throw ApiProblem.Invalid("the cursor is not one of this history");
        }

        var page = await store.HistoryAsync(new HistoryQuery(RequestReader.Key(context), RequestReader.Time(query, "from"),
            RequestReader.Time(query, "to"), after, RequestReader.Limit(query, 100, HistoryQuery.LimitMax)), context.RequestAborted);
        if (!page.Exists) throw ApiProblem.NotFound("there never was such an entity");
        if (page.Changes is [.., { Lifecycle: Lifecycle.Purged }]) throw Purged();
        await JsonShapes.WriteAsync(context, StatusCodes.Status200OK, json =>
        {
            json.WriteStartObject();
            json.WriteStartArray("items");
            foreach (var change in page.Changes) JsonShapes.Change(json, change);
            json.WriteEndArray();
            if (page.HasMore) json.WriteString("cursor", page.Changes[^1].Revision.ToString());
            json.WriteEndObject();
        });
    }

    private static async Task DiffAsync(HttpContext context, IEntityStore store)
    {
        var query = RequestReader.Query(context, "from", "to");
        var key = RequestReader.Key(context);
        var from = RequestReader.Time(query, "from") ?? throw ApiProblem.Invalid("from is missing");
        var before = await LiveAsync(context, store, key, from);
        var after = await LiveAsync(context, store, key, RequestReader.Time(query, "to"));
        if (before is null && after is null) throw ApiProblem.NotFound("the entity was not live at either moment");
        var (held, holds) = (before?.Head.Tags ?? [], after?.Head.Tags ?? []);
        var isContentChanged = !Storage.Model.Content.AreSame(before?.Content, after?.Content);
        await JsonShapes.WriteAsync(context, StatusCodes.Status200OK, json =>
        {
            json.WriteStartObject();
            JsonShapes.Tags(json, "added", TagSet.Except(holds, held));
            JsonShapes.Tags(json, "removed", TagSet.Except(held, holds));
            json.WriteBoolean("contentChanged", isContentChanged);
            Side("before", before);
            Side("after", after);
            json.WriteEndObject();

            void Side(string name, EntitySnapshot? side)
            {
                json.WritePropertyName(name);
                if (side is null) json.WriteNullValue();
                else JsonShapes.Entity(json, side);
            }
        });
    }

    internal static async Task<EntitySnapshot> FindAsync(HttpContext context, IEntityStore store, Timestamp? asOf)
    {
        var key = RequestReader.Key(context);
        return await LiveAsync(context, store, key, asOf) ?? throw ApiProblem.NotFound($"there is no entity {key}");
    }

    private static ApiProblem Purged() => new(StatusCodes.Status410Gone, "purged", "the entity was purged");

    /// <summary>The entity with its content, or null before its creation and while it is deleted.</summary>
    /// <exception cref="ApiProblem">It was purged, whatever moment is asked about.</exception>
    private static async Task<EntitySnapshot?> LiveAsync(HttpContext context, IEntityStore store, EntityKey key, Timestamp? asOf)
    {
        var entity = await store.GetAsync(key, asOf, withContent: true, context.RequestAborted);
        if (entity is { Head.Lifecycle: Lifecycle.Purged }) throw Purged();
        return entity is { Head.Lifecycle: Lifecycle.Active or Lifecycle.Archived } ? entity : null;
    }

    private static bool IsNotModified(HttpContext context, EntityHead head)
    {
        var tag = new EntityTagHeaderValue($"\"{head.Revision}\"");
        context.Response.Headers.ETag = tag.ToString();
        var isSame = context.Request.GetTypedHeaders().IfNoneMatch.Any(
            given => given.Equals(EntityTagHeaderValue.Any) || given.Compare(tag, useStrongComparison: false));
        if (isSame) context.Response.StatusCode = StatusCodes.Status304NotModified;
        return isSame;
    }

    /// <summary>A type is sent back as a header, which takes visible ASCII alone.</summary>
    internal static void CheckMediaType(string type)
    {
        var isHeader = type.Length <= Content.ContentTypeBytesMax && type.All(character => character is >= ' ' and <= '~');
        if (!isHeader || !MediaTypeHeaderValue.TryParse(type, out _))
            throw ApiProblem.Invalid($"a content type is a media type of at most {Content.ContentTypeBytesMax} characters");
    }
}
