namespace EntityActors.Host.EntityDb;

/// <summary>Examples of the OpenAPI document; a test holds each to its schema.</summary>
internal static class EdbExamples
{
    public const string Create = """{"tags":["type:doc","dataset:library","state:here"],"content":{"title":"Solaris"}}""";

    public const string Update = """{"id":"4c9d2ef1a7b3","tags":["type:doc","state:lent"],"content":"hello again"}""";

    public const string Entity =
        """
        {"id":"4c9d2ef1a7b3","tags":["content:type:text/plain","created_at:1795468003158147538","created_by:ann","dataset:library","state:here","type:doc",
        "uuid:4c9d2ef1a7b3"],"content":"aGVsbG8gd29ybGQ=","created_at":1795468003158249709,"updated_at":1795468003158249709}
        """;

    public const string List = $"[{Entity}]";

    public const string Query = $$"""{"entities":[{{Entity}}],"total":1,"offset":0,"limit":0}""";

    public const string Summary =
        $$"""
        {"last_updated":1795468003158249709,"recent_entities":[{{Entity}}],"timestamp":1795468004006524599,"total_count":1,"type_counts":{"doc":1} }
        """;

    public const string Changes =
        """[{"type":"tag_change","timestamp":1795468004335309716,"old_value":"state:here","new_value":"1795468004335309716|state:lent"}]""";

    public const string Diff =
        $$"""
        {"added_tags":["state:here"],"after":{{Entity}},"before":null,"entity_id":"4c9d2ef1a7b3","from_time":"2026-01-30T08:00:00.000000000Z",
        "removed_tags":[],"to_time":"2026-01-31T08:00:00.000000000Z"}
        """;

    public const string Reason = """{"reason":"no longer needed"}""";

    public const string Purge = """{"confirmation":"PURGE","reason":"asked for by its author"}""";

    public const string Purged = """{"status":"success","message":"Entity 4c9d2ef1a7b3 purged"}""";

    public const string Status =
        """
        {"entity_id":"4c9d2ef1a7b3","lifecycle_state":"soft_deleted","created_at":"2026-01-30T08:00:00.000000000Z",
        "updated_at":"2026-01-31T08:00:00.000000000Z","deleted_at":"2026-01-31T08:00:00.000000000Z","deleted_by":"ann","can_restore":true,"can_purge":true}
        """;

    public const string Deleted = $$"""{"entities":[{{Status}}],"total":1,"count":1,"offset":0,"limit":25}""";

    public const string Values = """{"count":2,"namespace":"state","values":["here","lent"]}""";

    public const string NewDataset = """{"name":"library","description":"books"}""";

    public const string Dataset = """{"id":"library","name":"library","description":"books","settings":null}""";

    public const string Datasets = $"[{Dataset}]";

    private const string Related =
        """
        {"related_entity_id":"7b01","related_entity_name":"7b01","related_entity_type":"doc","shared_tags":["genre:novel"],"tag_similarity":0.25,
        "relation_strength":0.25}
        """;

    public const string RelatedList = $"[{Related}]";

    public const string Discovery =
        $$"""
        {"entity_id":"4c9d2ef1a7b3","direct_references":[{"source":"4c9d2ef1a7b3","target":"7b01","type":"rel:ref"}],
        "tag_based_relationships":[{{Related}}],"shared_tag_relations":[{"tag":"genre:novel","entity_count":1,"related_entity_ids":["7b01"],
        "tag_value":"novel","tag_namespace":"genre"}],"network_depth":1,"total_found":2,"generated_at":"2026-01-31T08:00:00Z"}
        """;

    public const string Network =
        """
        {"focus_entity":"7b01","nodes":[{"id":"7b01","name":"7b01","type":"doc","tags":["type:doc"],"is_focus":true,"distance":0,"connections":0,
        "properties":{"created_at":"2026-01-30T08:00:00.000000000Z"}}],"edges":[],"depth":1,"total_nodes":1,"total_edges":0,
        "generated_at":"2026-01-31T08:00:00Z"}
        """;

    public const string Login = """{"username":"ann","password":"correct horse battery"}""";

    public const string User = """{"id":"ann","username":"ann","email":"ann@example.org","roles":["user"]}""";

    public const string LoggedIn =
        $$"""{"token":"Zm9yIGV4YW1wbGUgb25seSwgbm90IGEgdG9rZW4","expires_at":"2026-01-30T20:00:00Z","user_id":"ann","user":{{User}}}""";

    public const string LoggedOut = """{"message":"Logged out successfully"}""";

    public const string NewUser = """{"username":"ann","password":"correct horse battery","email":"ann@example.org","role":"user"}""";

    public const string UserEntity =
        """
        {"id":"ann","tags":["type:user","identity:username:ann","name:ann","status:active","profile:email:ann@example.org","rbac:role:user"],
        "created_at":1795468006137080765,"updated_at":1795468006137080765}
        """;

    public const string Password = """{"username":"ann","current_password":"correct horse battery","new_password":"staple correct horse"}""";

    public const string Reset = """{"username":"ann","password":"staple correct horse"}""";

    public const string PasswordChanged = """{"status":"success","message":"Password changed successfully"}""";

    public const string Config = """{"namespace":"system","key":"theme","value":"dark"}""";

    public const string Flag = """{"flag":"new-search","enabled":true,"stage":"beta"}""";

    public const string Health =
        """{"entity_count":812,"index_health":{"status":"healthy"},"status":"ok","timestamp":1795468006351886611}""";

    public const string Reindexed =
        """{"status":"success","message":"Every byte of 64 shards was checked","shards_checked":64,"bytes_checked":905216,"findings":[]}""";

    public const string Build = """{"status":"ok","version":"2.34"}""";

    public const string PublicHealth =
        """{"status":"healthy","timestamp":"2026-01-31T08:00:00Z","version":"2.34","checks":{"database":"healthy"}}""";
}
