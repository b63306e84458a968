using EntityActors.Actors.Client;
using EntityActors.Host.Http.OpenApi;
using EntityActors.Host.Security;
using EntityActors.Storage.Model;

namespace EntityActors.Host.Http;

/// <summary>Routes that move an entity through its life: delete, archive, restore, purge.</summary>
internal static class LifecycleEndpoints
{
    public static void Map(IEndpointRouteBuilder routes)
    {
        routes.MapDelete(EntityEndpoints.Route, DeleteAsync).Requires("entity:delete")
            .Named("deleteEntity", "Entities", "Deletes an entity; its history stays, and it can be restored, unless it is purged.")
            .Takes("purge", ParameterKind.Flag, "Takes it away for ever, its past included; needs entity:purge.").Writes().Problems(404, "not_found")
            .Answers<CommitShape>(200, "Deleted or purged.", ApiExamples.Commit);
        routes.MapPost(EntityEndpoints.Route + "/archive", ArchiveAsync).Requires("entity:delete")
            .Named("archiveEntity", "Entities", "Puts an entity aside: it can be read, and changed only once it is restored.")
            .Writes().Problems(404, "not_found").Problems(409, "archived").Answers<CommitShape>(200, "Archived.", ApiExamples.Commit);
        routes.MapPost(EntityEndpoints.Route + "/restore", RestoreAsync).Requires("entity:delete")
            .Named("restoreEntity", "Entities", "Brings a deleted or archived entity back.")
            .Writes().Problems(404, "not_found").Problems(409, "not_deleted").Answers<CommitShape>(200, "Restored.", ApiExamples.Commit);
    }

    private static async Task DeleteAsync(HttpContext context, IEntityStore store)
    {
        var isPurge = RequestReader.Flag(RequestReader.Query(context, "purge"), "purge");
        if (isPurge) context.Demand("entity", "purge", RequestReader.Dataset(context));
        await ExecuteAsync(context, store, (key, id, condition) => isPurge
            ? new PurgeEntity(key, id, context.Author(), condition)
            : new DeleteEntity(key, id, context.Author(), null, condition));
    }

    private static Task ArchiveAsync(HttpContext context, IEntityStore store)
    {
        _ = RequestReader.Query(context);
        return ExecuteAsync(context, store, (key, id, condition) => new ArchiveEntity(key, id, context.Author(), null, condition));
    }

    private static Task RestoreAsync(HttpContext context, IEntityStore store)
    {
        _ = RequestReader.Query(context);
        return ExecuteAsync(context, store, (key, id, condition) => new RestoreEntity(key, id, context.Author(), null, condition));
    }

    private static async Task ExecuteAsync(HttpContext context, IEntityStore store, Func<EntityKey, CommandId, RevisionCondition, EntityCommand> command)
    {
        RequestReader.NoBody(context);
        await EntityEndpoints.ExecuteAsync(context, store,
            command(RequestReader.Key(context), RequestReader.CommandId(context), RequestReader.Condition(context)));
    }
}
