using System.Collections.Immutable;
using System.Text.Json;
using EntityActors.Actors.Client;
using EntityActors.Actors.Protocol;
using EntityActors.Storage.Model;

namespace EntityActors.Host.Security;

/// <summary>An account with the revision of its entity, for conditional writes.</summary>
/// <param name="Value">Null: it was deleted.</param>
internal sealed record Stored<T>(T? Value, long Revision)
    where T : class;

/// <summary>Users, roles and sessions as entities of the dataset <see cref="Dataset"/>: as durable and as available as everything else.</summary>
/// <remarks>Every method fails as <see cref="IEntityStore"/> does. Reads see every write that was answered before them, on any node.</remarks>
internal sealed class AccountStore(IEntityStore store)
{
    public const string Dataset = "_system";
    private const string ContentType = "application/json";
    private static readonly Tag UserTag = new("type:user");
    private static readonly Tag RoleTag = new("type:role");
    private static readonly Tag SessionTag = new("type:session");

    /// <summary>Null: there never was such a user.</summary>
    public Task<Stored<UserAccount>?> UserAsync(string name, CancellationToken cancellation) => GetAsync<UserAccount>(UserKey(name), cancellation);

    public Task<Stored<RoleAccount>?> RoleAsync(string name, CancellationToken cancellation) => GetAsync<RoleAccount>(RoleKey(name), cancellation);

    public Task<Stored<SessionAccount>?> SessionAsync(string id, CancellationToken cancellation) => GetAsync<SessionAccount>(SessionKey(id), cancellation);

    /// <returns>False when the condition does not hold; nothing was written.</returns>
    public Task<bool> PutUserAsync(UserAccount user, RevisionCondition condition, string author, CancellationToken cancellation) =>
        PutAsync(UserKey(user.Name), user, [UserTag], condition, author, cancellation);

    /// <inheritdoc cref="PutUserAsync"/>
    public Task<bool> PutRoleAsync(RoleAccount role, RevisionCondition condition, string author, CancellationToken cancellation) =>
        PutAsync(RoleKey(role.Name), role, [RoleTag], condition, author, cancellation);

    public Task<bool> PutSessionAsync(string id, SessionAccount session, CancellationToken cancellation) =>
        PutAsync(SessionKey(id), session, [SessionTag, new Tag("user:" + session.User)], RevisionCondition.MustNotExist, session.User, cancellation);

    /// <returns>False when there is none, or the condition does not hold.</returns>
    public Task<bool> DeleteUserAsync(string name, RevisionCondition condition, string author, CancellationToken cancellation) =>
        DeleteAsync(UserKey(name), condition, author, cancellation);

    /// <inheritdoc cref="DeleteUserAsync"/>
    public Task<bool> DeleteRoleAsync(string name, RevisionCondition condition, string author, CancellationToken cancellation) =>
        DeleteAsync(RoleKey(name), condition, author, cancellation);

    public Task<bool> DeleteSessionAsync(string id, string author, CancellationToken cancellation) =>
        DeleteAsync(SessionKey(id), default, author, cancellation);

    /// <param name="cursor">Of the page before.</param>
    public Task<(ImmutableArray<UserAccount> Items, string? Cursor)> UsersAsync(int limit, string? cursor, CancellationToken cancellation) =>
        ListAsync(UserTag, limit, cursor, Parse<UserAccount>, cancellation);

    /// <inheritdoc cref="UsersAsync"/>
    public Task<(ImmutableArray<RoleAccount> Items, string? Cursor)> RolesAsync(int limit, string? cursor, CancellationToken cancellation) =>
        ListAsync(RoleTag, limit, cursor, Parse<RoleAccount>, cancellation);

    /// <summary>Sessions with their ids.</summary>
    public Task<(ImmutableArray<(string Id, SessionAccount Session)> Items, string? Cursor)> SessionsAsync(
        int limit, string? cursor, CancellationToken cancellation) =>
        ListAsync(SessionTag, limit, cursor, entity => (entity.Head.Key.Id["session/".Length..], Parse<SessionAccount>(entity)), cancellation);

    /// <summary>What the roles of a user allow together; a role that is gone allows nothing.</summary>
    public async Task<ImmutableArray<Permission>> PermissionsAsync(IEnumerable<string> roles, CancellationToken cancellation)
    {
        var permissions = ImmutableArray.CreateBuilder<Permission>();
        foreach (var name in roles)
        {
            if (BuiltInRoles.All.TryGetValue(name, out var builtIn)) permissions.AddRange(builtIn);
            else if ((await RoleAsync(name, cancellation))?.Value is { } role) permissions.AddRange(role.Parsed);
        }

        return permissions.ToImmutable();
    }

    private static EntityKey UserKey(string name) => new(Dataset, "user/" + name);

    private static EntityKey RoleKey(string name) => new(Dataset, "role/" + name);

    private static EntityKey SessionKey(string id) => new(Dataset, "session/" + id);

    private async Task<Stored<T>?> GetAsync<T>(EntityKey key, CancellationToken cancellation)
        where T : class
    {
        var entity = await store.GetAsync(key, asOf: null, withContent: true, cancellation);
        if (entity is null) return null;
        return new Stored<T>(entity.Head.Lifecycle == Lifecycle.Active ? Parse<T>(entity) : null, entity.Head.Revision);
    }

    private async Task<bool> PutAsync<T>(
        EntityKey key, T value, ImmutableArray<Tag> tags, RevisionCondition condition, string author, CancellationToken cancellation)
    {
        var content = new Content(ContentType, JsonSerializer.SerializeToUtf8Bytes(value, JsonSerializerOptions.Web));
        return IsDone(await store.ExecuteAsync(new PutEntity(key, CommandId.New(), author, null, condition, tags, content), cancellation));
    }

    private async Task<bool> DeleteAsync(EntityKey key, RevisionCondition condition, string author, CancellationToken cancellation) =>
        IsDone(await store.ExecuteAsync(new DeleteEntity(key, CommandId.New(), author, null, condition), cancellation));

    private async Task<(ImmutableArray<T> Items, string? Cursor)> ListAsync<T>(
        Tag tag, int limit, string? cursor, Func<EntitySnapshot, T> parse, CancellationToken cancellation)
    {
        var query = new TagQuery(Dataset, [TagPattern.Parse(tag.Text)], false, [], Lifecycle.Active);
        var page = await store.QueryAsync(new EntityQuery(query, null, limit, cursor, Count: false, WithContent: true), cancellation);
        return ([.. page.Items.Select(parse)], page.Cursor);
    }

    private static T Parse<T>(EntitySnapshot entity) =>
        JsonSerializer.Deserialize<T>(entity.Content!.Bytes.Span, JsonSerializerOptions.Web)
        ?? throw new InvariantViolationException($"{entity.Head.Key} is empty");

    private static bool IsDone(CommandResult result) => result switch
    {
        CommandResult.Committed => true,
        CommandResult.Refused { Refusal.Code: RefusalCode.PreconditionFailed or RefusalCode.NotFound } => false,
        CommandResult.Refused refused => throw new InvariantViolationException($"an account was refused: {refused.Refusal.Detail}"),
        var other => throw new InvariantViolationException($"unknown result {other.GetType()}"),
    };
}
