using System.Globalization;
using System.Text;
using System.Text.Json;
using EntityActors.Host.Tests.Http;
using EntityActors.Host.Tests.Security;
using Xunit;

namespace EntityActors.Host.Tests.EntityDb;

/// <summary>Requests of EntityDB's clients, as a real server was sent them, and its answers; right where they were plainly wrong.</summary>
public sealed class EntityDbTests(SecureStoreFixture fixture) : IClassFixture<SecureStoreFixture>
{
    private const string Root = "/api/v1";

    private HttpApi Admin => fixture.Admin;

    [Fact]
    public async Task A_login_gives_a_token_with_which_one_asks_who_one_is_until_one_logs_out()
    {
        await fixture.AddUserAsync("edb-ann", "writer");
        var login = await LoginAsync("edb-ann", SecureStoreFixture.UserPassword);
        Assert.Equal(["expires_at", "token", "user", "user_id"], Members(login.Json));
        var user = login.Json.GetProperty("user");
        Assert.Equal(["email", "id", "roles", "username"], Members(user));
        Assert.Equal("edb-ann", user.GetProperty("username").GetString());
        Assert.Equal("user", user.GetProperty("roles")[0].GetString());
        Assert.Matches("^[0-9-]{10}T[0-9:]{8}Z$", login.Json.GetProperty("expires_at").GetString());
        var session = fixture.With(login.Json.GetProperty("token").GetString());
        Assert.Equal("edb-ann", (await session.GetAsync(Root + "/auth/whoami")).Json.GetProperty("username").GetString());

        var refreshed = await session.SendAsync("POST", Root + "/auth/refresh", "{}");
        Assert.Equal(200, refreshed.Status);
        var next = fixture.With(refreshed.Json.GetProperty("token").GetString());
        var out_ = await next.SendAsync("POST", Root + "/auth/logout", "{}");
        Assert.Equal("""{"message":"Logged out successfully"}""", out_.Body);
        AssertError(await next.GetAsync(Root + "/auth/whoami"), 401, "Invalid or expired session");
    }

    [Fact]
    public async Task Errors_have_entitydbs_form()
    {
        AssertError(await LoginAsync("admin", "nope"), 401, "Invalid credentials");
        AssertError(await fixture.Stranger.SendAsync("POST", Root + "/auth/login", "{"), 400, "Invalid request body");
        AssertError(await fixture.Stranger.GetAsync(Root + "/entities/list?tag=type:doc"), 401, "Authentication required");
        AssertError(await fixture.With("bad").GetAsync(Root + "/entities/list?tag=type:doc"), 401, "Invalid or expired session");
        AssertError(await Admin.SendAsync("POST", Root + "/entities/create", "{\"tags\":"), 400, "Invalid request body");
        AssertError(await Admin.GetAsync(Root + "/entities/get?id=ffffffffffffffffffffffffffffffff"), 404, "Entity not found");
        AssertError(await Admin.GetAsync(Root + "/entities/get"), 400, "Entity ID is required");
        AssertError(await Admin.SendAsync("PUT", Root + "/entities/update", """{"id":"ffff","tags":["a:b"]}"""), 404, "Entity not found");
        AssertError(await Admin.GetAsync(Root + "/entities/history?id=ffff"), 404, "Entity ffff not found");
        Assert.StartsWith("Invalid timestamp format", (await Admin.GetAsync(Root + "/entities/as-of?id=x&as_of=yesterday")).Json.GetProperty("error").GetString());
        Assert.Equal(404, (await Admin.GetAsync(Root + "/no-such-route")).Status);
    }

    [Fact]
    public async Task An_entity_is_made_with_the_tags_that_entitydb_adds()
    {
        var text = await CreateAsync("""{"tags":["type:doc","status:draft","dataset:demo","owner:ann","prio:3"],"content":"hello world"}""");
        var id = text.GetProperty("id").GetString()!;
        Assert.Matches("^[0-9a-f]{32}$", id);
        Assert.Equal(["content", "created_at", "id", "tags", "updated_at"], Members(text));
        Assert.Equal("hello world", Content(text));
        var tags = Tags(text);
        Assert.Equal(9, tags.Count);
        Assert.Contains("content:type:text/plain", tags);
        Assert.Contains("created_by:admin", tags);
        Assert.Contains("dataset:demo", tags);
        Assert.Contains("uuid:" + id, tags);
        Assert.Contains(tags, static tag => tag.StartsWith("created_at:", StringComparison.Ordinal));
        Assert.Equal(text.GetRawText(), (await GetAsync(id)).GetRawText());

        var value = await CreateAsync("""{"tags":["type:doc","dataset:demo"],"content":{"title":"T","n":1}}""");
        Assert.Equal("""{"n":1,"title":"T"}""", Content(value));
        Assert.Contains("content:type:application/json", Tags(value));
        Assert.Equal("[1,2,3]", Content(await CreateAsync("""{"tags":["type:arr"],"content":[1,2,3]}""")));
        var bare = await CreateAsync("{}");
        Assert.Contains("type:entity", Tags(bare));
        Assert.Contains("dataset:default", Tags(bare));
        Assert.False(bare.TryGetProperty("content", out _));

        var own = await CreateAsync("""{"id":"my-own-id-1","tags":["type:task","dataset:demo"]}""");
        Assert.Equal("my-own-id-1", own.GetProperty("id").GetString());
        Assert.Equal(409, (await Admin.SendAsync("POST", Root + "/entities/create", """{"id":"my-own-id-1","tags":["dataset:demo"]}""")).Status);
        var timed = await Admin.GetAsync(Root + "/entities/get?include_timestamps=true&id=" + id);
        var at = text.GetProperty("created_at").GetInt64();
        Assert.All(Tags(timed.Json), tag => Assert.StartsWith(at.ToString(CultureInfo.InvariantCulture) + "|", tag));
    }

    [Fact]
    public async Task An_update_replaces_what_it_gives_and_the_old_tags_are_history()
    {
        var made = await CreateAsync("""{"tags":["type:note","state:draft","dataset:demo"],"content":"first"}""");
        var id = made.GetProperty("id").GetString()!;
        var updated = await Admin.SendAsync("PUT", Root + "/entities/update", $$"""{"id":"{{id}}","tags":["type:note","state:published"],"content":"second"}""");
        Assert.Equal(200, updated.Status);
        Assert.Equal("second", Content(updated.Json));
        Assert.All(Tags(updated.Json), static tag => Assert.Matches("^[0-9]+\\|", tag));
        // The server's own tags stay, the content keeps its type, an update without content keeps the content.
        Assert.Equal(["content:type:text/plain", "dataset:demo", "state:published", "type:note"],
            Plain(Tags(updated.Json)).Where(static tag => !tag.StartsWith("created", StringComparison.Ordinal) && !tag.StartsWith("uuid", StringComparison.Ordinal)));
        var tagsOnly = await Admin.SendAsync("PUT", $"{Root}/entities/update?id={id}", """{"tags":["type:note","state:archived"]}""");
        Assert.Equal("second", Content(tagsOnly.Json));

        Assert.DoesNotContain(id, Ids(await Admin.GetAsync(Root + "/entities/list?tag=state:draft")));
        Assert.Contains(id, Ids(await Admin.GetAsync(Root + "/entities/list?tag=state:archived")));
        var created = made.GetProperty("created_at").GetInt64();
        var then = await Admin.GetAsync($"{Root}/entities/as-of?id={id}&as_of={Rfc(created)}");
        Assert.Equal(made.GetRawText(), then.Json.GetRawText());
        Assert.Equal(made.GetRawText(), (await Admin.GetAsync($"{Root}/entities/as-of?id={id}&timestamp={created}")).Json.GetRawText());
        AssertError(await Admin.GetAsync($"{Root}/entities/as-of?id={id}&as_of=2020-01-01T00:00:00Z"), 404, null);

        var history = (await Admin.GetAsync($"{Root}/entities/history?id={id}&limit=1000")).Json.EnumerateArray().ToList();
        var change = history.First(static entry => entry.TryGetProperty("old_value", out var old) && old.GetString() == "state:draft");
        Assert.Equal("tag_change", change.GetProperty("type").GetString());
        Assert.EndsWith("|state:published", change.GetProperty("new_value").GetString());
        Assert.True(change.GetProperty("timestamp").GetInt64() > created);
        Assert.Equal(2, (await Admin.GetAsync($"{Root}/entities/history?id={id}&limit=2")).Json.GetArrayLength());

        var last = (await GetAsync(id)).GetProperty("updated_at").GetInt64();
        foreach (var (first, second) in new[] { ("t1", "t2"), ("from", "to"), ("from_timestamp", "to_timestamp") })
        {
            var diff = (await Admin.GetAsync($"{Root}/entities/diff?id={id}&{first}={Rfc(created)}&{second}={last}")).Json;
            Assert.Equal(["added_tags", "after", "before", "entity_id", "from_time", "removed_tags", "to_time"], Members(diff));
            Assert.Equal(["state:archived"], diff.GetProperty("added_tags").EnumerateArray().Select(static tag => tag.GetString()!));
            Assert.Equal(["state:draft"], diff.GetProperty("removed_tags").EnumerateArray().Select(static tag => tag.GetString()!));
            Assert.Equal("first", Content(diff.GetProperty("before")));
        }
    }

    [Fact]
    public async Task Lists_and_queries_find_by_each_of_their_parameters()
    {
        var (a, b, c) = (await IdAsync("kind:q", "color:red", "size:1"), await IdAsync("kind:q", "color:blue", "size:10"), await IdAsync("kind:q", "color:green", "size:9"));
        async Task<List<string>> List(string query) => Ids(await Admin.GetAsync($"{Root}/entities/list?{query}"));

        Assert.Equal([a, b, c], await List("tag=kind:q"));
        Assert.Equal([a, b, c], Ids(await Admin.GetAsync($"{Root}/entities/listbytag?tag=kind:q")));
        Assert.Equal([a, b], await List("tags=color:red,color:blue"));
        Assert.Empty(await List("tags=color:red,color:blue&matchAll=true"));
        Assert.Equal([a], await List("tags=kind:q,color:red&matchAll=true"));
        Assert.Equal([c], await List("wildcard=color:gr*&tag=kind:q"));
        Assert.Equal([b], await List("wildcard=c*r:b*e&tag=kind:q"));
        Assert.Equal([a, b, c], await List("namespace=size"));
        Assert.Equal([b], await List("search=content+of+blue&tag=kind:q"));
        Assert.Empty(await List("tag=kind:none"));
        Assert.Equal([c, b], await List("tag=kind:q&sort=created_at&order=desc&limit=2"));
        Assert.Equal([b], await List("tag=kind:q&limit=1&offset=1"));

        var page = (await Admin.GetAsync($"{Root}/entities/query?tag=kind:q&sort=tag:size&order=desc&limit=2&offset=0")).Json;
        Assert.Equal(["entities", "limit", "offset", "total"], Members(page));
        Assert.Equal((3, 2, 0), (page.GetProperty("total").GetInt32(), page.GetProperty("limit").GetInt32(), page.GetProperty("offset").GetInt32()));
        // 10 comes before 9: values that are numbers are compared as such.
        Assert.Equal([b, c], page.GetProperty("entities").EnumerateArray().Select(static item => item.GetProperty("id").GetString()!));
        Assert.All(Tags(page.GetProperty("entities")[0]), static tag => Assert.Matches("^[0-9]+\\|", tag));
        Assert.Equal([a], QueryIds(await Admin.GetAsync($"{Root}/entities/query?tag=kind:q&filter=tag:color&operator=eq&value=red")));
        Assert.Equal([b, c], QueryIds(await Admin.GetAsync($"{Root}/entities/query?tag=kind:q&filter=tag:size&operator=gt&value=1")));
        AssertError(await Admin.GetAsync($"{Root}/entities/query?filter=nothing&operator=eq&value=1"), 400, null);
        AssertError(await Admin.GetAsync($"{Root}/entities/query?limit=-1"), 400, null);
        // As long as a tag, and longer than any.
        var stars = string.Concat(Enumerable.Repeat("*x", 250));
        Assert.Empty(await List($"tag=kind:q&wildcard={stars}"));
        Assert.Equal(200, (await Admin.GetAsync($"{Root}/entity-relationships/{a}/related?tag_pattern={stars}")).Status);
        foreach (var query in new[] { "list?wildcard=a*", "query?filter=tag:color&operator=like&value=", $"../entity-relationships/{a}/related?tag_pattern=" })
            AssertError(await Admin.GetAsync($"{Root}/entities/{query}{new string('x', 9_000)}".Replace("entities/../", "", StringComparison.Ordinal)), 400, null);

        var values = (await Admin.GetAsync($"{Root}/tags/values?namespace=color")).Json;
        Assert.Equal("""{"count":3,"namespace":"color","values":["blue","green","red"]}""", values.GetRawText());
        var summary = (await Admin.GetAsync($"{Root}/entities/summary")).Json;
        Assert.Equal(["last_updated", "recent_entities", "timestamp", "total_count", "type_counts"], Members(summary));
        Assert.True(summary.GetProperty("total_count").GetInt64() >= 3);
    }

    [Fact]
    public async Task A_deleted_entity_is_in_no_list_and_comes_back()
    {
        var id = await IdAsync("kind:gone");
        AssertError(await Admin.SendAsync("POST", $"{Root}/entities/{id}/delete", "{}"), 400, "Deletion reason is required");
        var deleted = await Admin.SendAsync("POST", $"{Root}/entities/{id}/delete", """{"reason":"test","force":false}""");
        Assert.Equal("soft_deleted", deleted.Json.GetProperty("lifecycle_state").GetString());
        Assert.True(deleted.Json.GetProperty("can_restore").GetBoolean());
        Assert.Equal("admin", deleted.Json.GetProperty("deleted_by").GetString());
        Assert.Equal(deleted.Body, (await Admin.GetAsync($"{Root}/entities/{id}/deletion-status")).Body);
        Assert.Equal(409, (await Admin.SendAsync("POST", $"{Root}/entities/{id}/delete", """{"reason":"again"}""")).Status);
        Assert.Empty(Ids(await Admin.GetAsync(Root + "/entities/list?tag=kind:gone")));
        var page = (await Admin.GetAsync(Root + "/entities/deleted?limit=100")).Json;
        Assert.Contains(page.GetProperty("entities").EnumerateArray(), item => item.GetProperty("entity_id").GetString() == id);
        Assert.Contains(Tags((await Admin.GetAsync($"{Root}/entities/get?id={id}")).Json), static tag => tag.StartsWith("lifecycle:deleted_at:", StringComparison.Ordinal));

        var restored = await Admin.SendAsync("POST", $"{Root}/entities/{id}/restore", """{"reason":"back"}""");
        Assert.Equal("active", restored.Json.GetProperty("lifecycle_state").GetString());
        Assert.Equal([id], Ids(await Admin.GetAsync(Root + "/entities/list?tag=kind:gone")));
        AssertError(await Admin.SendAsync("DELETE", $"{Root}/entities/{id}/purge", """{"confirm":true}"""), 400, "Invalid confirmation - must be 'PURGE'");
    }

    [Fact]
    public async Task A_dataset_in_the_path_bounds_what_is_made_and_found_and_no_other_is_reached_through_it()
    {
        var made = await Admin.SendAsync("POST", Root + "/datasets/demo2/entities/create", """{"tags":["type:two"],"content":"in demo2"}""");
        Assert.Equal(201, made.Status);
        Assert.Contains("dataset:demo2", Tags(made.Json));
        var id = made.Json.GetProperty("id").GetString()!;
        var elsewhere = await IdAsync("type:two");
        Assert.Equal([id], Ids(await Admin.GetAsync(Root + "/datasets/demo2/entities/list?tag=type:two")));
        Assert.Equal([elsewhere], Ids(await Admin.GetAsync(Root + "/datasets/demo/entities/list?tag=type:two")));
        Assert.Equal(404, (await Admin.GetAsync($"{Root}/datasets/demo/entities/get?id={id}")).Status);
        Assert.Equal(200, (await Admin.GetAsync($"{Root}/datasets/demo2/entities/get?id={id}")).Status);

        await fixture.PutRoleAsync("edb-demo", "entity:read:demo", "entity:write:demo", "entity:delete:demo");
        await fixture.AddUserAsync("edb-tenant", "edb-demo");
        var tenant = await fixture.LoginAsync("edb-tenant");
        Assert.Equal([elsewhere], Ids(await tenant.GetAsync(Root + "/entities/list?tag=type:two")));
        Assert.Equal(404, (await tenant.GetAsync($"{Root}/entities/get?id={id}")).Status);
        Assert.Equal(403, (await tenant.GetAsync($"{Root}/datasets/demo2/entities/get?id={id}")).Status);
        Assert.Equal(403, (await tenant.SendAsync("POST", Root + "/entities/create", """{"tags":["dataset:demo2"]}""")).Status);
        Assert.Equal(404, (await tenant.SendAsync("PUT", $"{Root}/entities/update?id={id}", """{"tags":["a:b"]}""")).Status);
        Assert.Equal(404, (await tenant.SendAsync("POST", $"{Root}/entities/{id}/delete", """{"reason":"not mine"}""")).Status);
        Assert.Equal(404, (await tenant.GetAsync($"{Root}/entity-relationships/{id}/network")).Status);
        Assert.Equal(403, (await tenant.SendAsync("POST", Root + "/users/create", """{"username":"x","password":"a long enough one"}""")).Status);
        Assert.Equal(403, (await Admin.GetAsync(Root + "/datasets/_system/entities/list")).Status);
        Assert.Equal(403, (await Admin.SendAsync("POST", Root + "/entities/create", """{"tags":["dataset:_system"]}""")).Status);
        Assert.Equal(403, (await tenant.SendAsync("POST", Root + "/entities/create", "{}")).Status);
        Assert.Equal(403, (await tenant.GetAsync(Root + "/config")).Status);
        Assert.Equal(403, (await tenant.SendAsync("POST", Root + "/config/set", """{"key":"k","value":1}""")).Status);
        Assert.Equal(201, (await tenant.SendAsync("POST", Root + "/entities/create", """{"tags":["dataset:demo"]}""")).Status);
    }

    [Fact]
    public async Task Relations_are_tags_that_end_in_an_id()
    {
        var target = await IdAsync("kind:rel-target", "topic:t1");
        var source = await IdAsync("kind:rel-source", "topic:t1", "rel:ref:" + target);
        var network = (await Admin.GetAsync($"{Root}/entity-relationships/{source}/network")).Json;
        Assert.Equal((2, 1), (network.GetProperty("total_nodes").GetInt32(), network.GetProperty("total_edges").GetInt32()));
        Assert.Equal((source, target), (network.GetProperty("edges")[0].GetProperty("source").GetString()!, network.GetProperty("edges")[0].GetProperty("target").GetString()!));
        var reverse = (await Admin.GetAsync($"{Root}/entity-relationships/{target}/network/2")).Json;
        Assert.Equal(2, reverse.GetProperty("total_nodes").GetInt32());
        var discovered = (await Admin.GetAsync($"{Root}/entity-relationships/{source}/discover")).Json;
        Assert.Equal(target, discovered.GetProperty("direct_references")[0].GetProperty("target").GetString());
        var related = (await Admin.GetAsync($"{Root}/entity-relationships/{source}/related?tag_pattern=topic:*&limit=5")).Json;
        Assert.Equal(target, related[0].GetProperty("related_entity_id").GetString());
        Assert.Equal("topic:t1", related[0].GetProperty("shared_tags")[0].GetString());
    }

    [Fact]
    public async Task Users_settings_and_health_answer_as_entitydb_does()
    {
        var bob = await Admin.SendAsync("POST", Root + "/users/create", """{"username":"edb-bob","password":"bobpass123456","email":"b@x","role":"user"}""");
        Assert.Equal(201, bob.Status);
        Assert.Contains("rbac:role:user", Tags(bob.Json));
        Assert.DoesNotContain("bobpass", bob.Body, StringComparison.Ordinal);
        Assert.Equal(200, (await LoginAsync("edb-bob", "bobpass123456")).Status);
        Assert.Equal(200, (await Admin.SendAsync("POST", Root + "/users/reset-password", """{"username":"edb-bob","password":"another123456"}""")).Status);
        Assert.Equal(401, (await LoginAsync("edb-bob", "bobpass123456")).Status);
        var session = fixture.With((await LoginAsync("edb-bob", "another123456")).Json.GetProperty("token").GetString());
        var changed = await session.SendAsync("POST", Root + "/users/change-password",
            """{"username":"edb-bob","current_password":"another123456","new_password":"a third one 123"}""");
        Assert.Equal(200, changed.Status);
        Assert.Equal(200, (await LoginAsync("edb-bob", "a third one 123")).Status);

        Assert.Equal(200, (await Admin.SendAsync("POST", Root + "/config/set", """{"namespace":"ui","key":"theme","value":{"dark":true}}""")).Status);
        Assert.Equal("""{"dark":true}""", Content((await Admin.GetAsync(Root + "/config?namespace=ui&key=theme")).Json[0]));
        Assert.Equal(200, (await Admin.SendAsync("POST", Root + "/feature-flags/set", """{"flag":"f1","enabled":true,"stage":"beta"}""")).Status);
        Assert.Equal("""{"enabled":true,"flag":"f1","stage":"beta"}""", Content((await Admin.GetAsync(Root + "/feature-flags?stage=beta")).Json[0]));

        Assert.Equal("healthy", (await fixture.Stranger.GetAsync("/health")).Json.GetProperty("status").GetString());
        Assert.Equal("ok", (await fixture.Stranger.GetAsync(Root + "/status")).Json.GetProperty("status").GetString());
        var health = (await Admin.GetAsync(Root + "/admin/health")).Json;
        Assert.Equal("healthy", health.GetProperty("index_health").GetProperty("status").GetString());
        Assert.Equal("success", (await Admin.SendAsync("POST", Root + "/admin/reindex", null)).Json.GetProperty("status").GetString());
    }

    private Task<HttpAnswer> LoginAsync(string user, string password) =>
        fixture.Stranger.SendAsync("POST", Root + "/auth/login", $$"""{"username":"{{user}}","password":"{{password}}"}""");

    private async Task<JsonElement> CreateAsync(string body)
    {
        var answer = await Admin.SendAsync("POST", Root + "/entities/create", body);
        Assert.True(answer.Status == 201, answer.ToString());
        return answer.Json;
    }

    /// <summary>A new entity of dataset demo with a content that names its second tag.</summary>
    private async Task<string> IdAsync(params string[] tags)
    {
        var color = tags.Length > 1 ? tags[1].Split(':')[1] : "none";
        var all = string.Join(',', tags.Append("dataset:demo").Select(static tag => $"\"{tag}\""));
        return (await CreateAsync($$"""{"tags":[{{all}}],"content":"content of {{color}}"}""")).GetProperty("id").GetString()!;
    }

    private async Task<JsonElement> GetAsync(string id)
    {
        var answer = await Admin.GetAsync($"{Root}/entities/get?id={id}");
        Assert.True(answer.Status == 200, answer.ToString());
        return answer.Json;
    }

    private static void AssertError(HttpAnswer answer, int status, string? error)
    {
        Assert.True(answer.Status == status && answer.ContentType == "application/json", answer.ToString());
        if (error is not null) Assert.Equal(error, answer.Json.GetProperty("error").GetString());
    }

    private static IEnumerable<string> Members(JsonElement json) => json.EnumerateObject().Select(static member => member.Name).Order(StringComparer.Ordinal);

    private static List<string> Tags(JsonElement entity) => [.. entity.GetProperty("tags").EnumerateArray().Select(static tag => tag.GetString()!)];

    private static IEnumerable<string> Plain(IEnumerable<string> tags) => tags.Select(static tag => tag[(tag.IndexOf('|') + 1)..]).Order(StringComparer.Ordinal);

    private static string Content(JsonElement entity) => Encoding.UTF8.GetString(entity.GetProperty("content").GetBytesFromBase64());

    private static List<string> Ids(HttpAnswer answer) => [.. answer.Json.EnumerateArray().Select(static item => item.GetProperty("id").GetString()!)];

    private static List<string> QueryIds(HttpAnswer answer) =>
        [.. answer.Json.GetProperty("entities").EnumerateArray().Select(static item => item.GetProperty("id").GetString()!)];

    private static string Rfc(long nanoseconds) => DateTime.UnixEpoch.AddTicks(nanoseconds / 100).ToString("yyyy-MM-dd'T'HH:mm:ss.fffffff", CultureInfo.InvariantCulture)
        + (nanoseconds % 100).ToString("00", CultureInfo.InvariantCulture) + "Z";
}
