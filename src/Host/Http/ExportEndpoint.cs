using System.Buffers;
using EntityActors.Actors.Client;
using EntityActors.Actors.Contents;
using EntityActors.Actors.Protocol;
using EntityActors.Host.Http.OpenApi;
using EntityActors.Host.Security;
using EntityActors.Storage.Model;

namespace EntityActors.Host.Http;

/// <summary>A dataset as lines that an import takes: its active entities at one moment, or every change of all its entities up to then.</summary>
/// <remarks>
/// The entities are those of one query, which fixes the moment. What such a query sees of an entity is always the beginning of its history, so the
/// changes up to the revision that it saw are those of the same moment. In memory are one page of the query and one of a history.
/// </remarks>
internal static class ExportEndpoint
{
    private const string Ndjson = "application/x-ndjson";

    /// <summary>Small, since a page may hold contents.</summary>
    private const int PageLimit = 200;

    /// <summary>Longest content that stands in its line: what an import takes in one.</summary>
    private const int ContentBytesMax = 8 * 1024 * 1024;

    public static void Map(IEndpointRouteBuilder routes) =>
        routes.MapMethods("/v1/datasets/{ds}/export", RequestReader.Reads, ExportAsync).Requires("entity:read")
            .Named("exportDataset", "Changes", "The dataset at one moment as lines that an import takes.")
            .Takes("asOf", ParameterKind.Moment, "The moment; now when absent.", ApiExamples.Moment)
            .Takes("history", ParameterKind.Flag, "Every change of every entity up to the moment, instead of the active entities.", "true")
            .Answers<ImportLine>(200, "A line for each entity or change.", DataExamples.ExportLine, Ndjson);

    private static async Task ExportAsync(HttpContext context, IEntityStore store, IContentStore contents)
    {
        var query = RequestReader.Query(context, "asOf", "history");
        var withHistory = RequestReader.Flag(query, "history");
        var asked = new EntityQuery(new TagQuery(RequestReader.Dataset(context), [], MatchAny: false, [], withHistory ? null : Lifecycle.Active),
            RequestReader.Time(query, "asOf"), PageLimit, Cursor: null, Count: false, WithContent: !withHistory);
        var page = await store.QueryAsync(asked, context.RequestAborted);
        context.Response.ContentType = Ndjson;
        using var line = new JsonLine();
        while (true)
        {
            foreach (var entity in page.Items)
            {
                if (withHistory) await WriteHistoryAsync(context, store, contents, entity.Head, line);
                else Write(context, line, new ExportedChange(entity.Head, await WholeAsync(contents, entity, context.RequestAborted)));
            }

            await context.Response.BodyWriter.FlushAsync(context.RequestAborted);
            if (page.Cursor is null) return;
            // A failure from here on breaks the connection: nobody takes the part for the whole.
            page = await store.QueryAsync(asked with { Cursor = page.Cursor }, context.RequestAborted);
        }
    }

    private static async Task WriteHistoryAsync(
        HttpContext context, IEntityStore store, IContentStore contents, EntityHead head, JsonLine line)
    {
        EntityHead? before = null;
        for (var revision = 0L; revision < head.Revision;)
        {
            var page = await store.HistoryAsync(new HistoryQuery(head.Key, null, null, revision, PageLimit), context.RequestAborted);
            foreach (var change in page.Changes)
            {
                // Trimmed meanwhile up to behind the moment of the export: what is left is not what was asked for.
                if (change is { IsBase: true } && change.Revision > head.Revision) throw new HistoryTrimmedException(change.At);
                if (change.Revision > head.Revision) return;
                // History may be trimmed while it is read.
                if (change.IsBase) before = null;
                var after = EntityHead.Apply(before, change);
                var content = await WholeAsync(contents, new EntitySnapshot(after, change.Content), context.RequestAborted);
                if (change.IsBase && after.Lifecycle != Lifecycle.Active) Write(context, line, ExportedChange.Before(ref before, after, content));
                Write(context, line, new ExportedChange(before, change, after, content));
                (before, revision) = (after, change.Revision);
            }

            // Purged meanwhile.
            if (page.Changes.IsEmpty) return;
            await context.Response.BodyWriter.FlushAsync(context.RequestAborted);
        }
    }

    /// <summary>Content with its bytes, unless they are more than a line holds.</summary>
    private static async Task<Content?> WholeAsync(IContentStore contents, EntitySnapshot entity, CancellationToken cancellation)
    {
        if (entity.Content is not { Blob: not null, Length: <= ContentBytesMax } content) return entity.Content;
        await using var stream = await contents.OpenAsync(entity);
        var bytes = new byte[content.Length];
        await stream.ReadExactlyAsync(bytes, cancellation);
        return new Content(content.ContentType, bytes);
    }

    private static void Write(HttpContext context, JsonLine line, ExportedChange change)
    {
        var now = Timestamp.FromDateTimeOffset(context.RequestServices.GetRequiredService<TimeProvider>().GetUtcNow());
        context.Response.BodyWriter.Write(line.Of(json => change.Write(json, now)));
        context.Response.BodyWriter.Write("\n"u8);
    }
}
