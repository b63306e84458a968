using EntityActors.Actors.Client;
using EntityActors.Actors.Contents;
using EntityActors.Actors.Protocol;
using EntityActors.Host.Http.OpenApi;
using EntityActors.Host.Security;
using EntityActors.Storage.Model;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Net.Http.Headers;

namespace EntityActors.Host.Http;

/// <summary>Raw content of an entity, streamed in and out.</summary>
internal static class ContentEndpoints
{
    private const string Route = EntityEndpoints.Route + "/content";

    public static void Map(IEndpointRouteBuilder routes)
    {
        routes.MapPut(Route, PutAsync).Requires("entity:write")
            .Named("putContent", "Entities", "Sets the content of an entity to the body, up to 1 GiB; its tags stay.")
            .TakesBytes().Writes().Problems(404, "not_found").Problems(409, "archived").Answers<CommitShape>(200, "Set.", ApiExamples.Commit);
        routes.MapMethods(Route, RequestReader.Reads, GetAsync).Requires("entity:read")
            .Named("getContent", "Entities", "The bytes of an entity's content.")
            .Takes("asOf", ParameterKind.Moment, "The moment; now when absent.", ApiExamples.Moment).Reads()
            .TakesHeader("Range", "Part of the bytes.", "bytes=0-99").TakesHeader("If-Range", "The range only when the revision is this one.", "\"3\"")
            .AnswersBytes(200, "The bytes, with their content type; cut off when they turn out to be damaged.").AnswersBytes(206, "The part.")
            .Problems(412, "precondition_failed").Problems(416, "range_not_satisfiable");
    }

    private static async Task PutAsync(HttpContext context, IContentStore contents)
    {
        _ = RequestReader.Query(context);
        var type = context.Request.ContentType ?? "application/octet-stream";
        EntityEndpoints.CheckMediaType(type);
        var length = context.Request.ContentLength;
        if (length > BlobReference.LengthMax) throw new ApiProblem(413, "content_too_large", $"content is at most {BlobReference.LengthMax} bytes");
        // The server's limit is for bodies that are held in memory. One byte more, so that a chunked body meets the store's own limit.
        context.Features.GetRequiredFeature<IHttpMaxRequestBodySizeFeature>().MaxRequestBodySize = BlobReference.LengthMax + 1;
        var upload = new ContentUpload(RequestReader.Key(context), RequestReader.CommandId(context), context.Author(),
            RequestReader.Condition(context), type);
        await EntityEndpoints.AnswerAsync(context, await contents.PutAsync(upload, context.Request.Body, length, context.RequestAborted));
    }

    private static async Task GetAsync(HttpContext context, IEntityStore store, IContentStore contents)
    {
        var asOf = RequestReader.Time(RequestReader.Query(context, "asOf"), "asOf");
        var entity = await EntityEndpoints.FindAsync(context, store, asOf);
        if (entity.Content is not { IsCleared: false } content) throw ApiProblem.NotFound("the entity has no content");
        var tag = new EntityTagHeaderValue($"\"{entity.Head.Revision}\"");
        // The file result takes any unit for bytes; a unit that is not known is to be ignored.
        var isOtherUnit = context.Request.Headers.Range.Any(range => range?.StartsWith("bytes=", StringComparison.OrdinalIgnoreCase) == false);
        if (isOtherUnit) context.Request.Headers.Remove(HeaderNames.Range);
        // Stored bytes are somebody's data: a browser shall neither guess their type nor run them.
        context.Response.Headers.XContentTypeOptions = "nosniff";
        context.Response.Headers.ContentSecurityPolicy = "sandbox";
        if (content.Blob is null) await Results.Bytes(content.Bytes, content.ContentType, entityTag: tag, enableRangeProcessing: true).ExecuteAsync(context);
        else await StreamAsync(context, contents, entity, tag);
    }

    private static async Task StreamAsync(HttpContext context, IContentStore contents, EntitySnapshot entity, EntityTagHeaderValue tag)
    {
        var bytes = await contents.OpenAsync(entity);
        try
        {
            await Results.Stream(bytes, entity.Content!.ContentType, entityTag: tag, enableRangeProcessing: true).ExecuteAsync(context);
        }
        catch (StoreException) when (context.Response.HasStarted)
        {
            // Told in the log where it was met. An answer that ended in order would pass for the whole content.
            context.Abort();
        }
    }
}
