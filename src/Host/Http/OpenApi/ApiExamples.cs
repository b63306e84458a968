namespace EntityActors.Host.Http.OpenApi;

/// <summary>Examples of the OpenAPI document; a test holds each to its schema.</summary>
internal static class ApiExamples
{
    public const string Moment = "2026-01-31T09:30:00Z";

    public const string Put = """{"tags":["genre:novel","author:Lem"],"content":{"title":"Solaris"}}""";

    public const string Tags = """{"add":["state:lent"],"remove":["state:here"]}""";

    public const string Commit =
        """{"dataset":"library","id":"book-1","revision":3,"at":"2026-01-31T09:30:00.123456789Z","shard":17,"sequence":4021,"duplicate":false}""";

    public const string Entity =
        """
        {"dataset":"library","id":"book-1","revision":3,"lifecycle":"active","createdAt":"2026-01-30T08:00:00.000000000Z",
        "updatedAt":"2026-01-31T09:30:00.123456789Z","tags":["author:Lem","genre:novel"],"contentType":"application/json","contentLength":19,
        "content":{"title":"Solaris"}}
        """;

    public const string Matches = $$"""{"items":[{{Entity}}],"cursor":"CAEQAg","total":2}""";

    public const string Change =
        """
        {"dataset":"library","id":"book-1","revision":1,"at":"2026-01-30T08:00:00.000000000Z","recordedAt":"2026-01-30T08:00:00.000000000Z",
        "author":"","added":["author:Lem","genre:novel"],"removed":[],"lifecycle":"active","contentType":"application/json",
        "content":{"title":"Solaris"},"cursor":"1"}
        """;

    public const string History = $$"""{"items":[{{Change}}],"cursor":"1"}""";

    public const string FeedLine =
        """
        {"dataset":"library","id":"book-1","revision":2,"at":"2026-01-31T09:00:00.000000000Z","recordedAt":"2026-01-31T09:00:00.000000000Z",
        "author":"","added":["state:lent"],"removed":["state:here"],"lifecycle":"active","shard":17,"sequence":4020,"cursor":"AhEYAQ"}
        """;

    public const string FeedEvent =
        "id: AhEYAQ\n" +
        """data: {"dataset":"library","id":"book-1","revision":2,"at":"2026-01-31T09:00:00.000000000Z", …,"cursor":"AhEYAQ"}""" + "\n\n";

    public const string TagCounts = """{"items":[{"tag":"genre:novel","count":211}],"cursor":"genre:novel"}""";

    public const string Diff = $$"""{"added":["genre:novel"],"removed":[],"contentChanged":true,"before":null,"after":{{Entity}}}""";

    public const string ImportLines =
        """{"at":"2019-03-01T12:00:00Z","op":"put","id":"book-1","tags":["genre:novel"],"content":{"title":"Solaris"}}""" + "\n" +
        """{"at":"2020-03-01T12:00:00Z","op":"delete","id":"book-1"}""" + "\n";

    public const string Imported =
        """
        {"applied":1,"duplicate":0,"rejected":[{"line":2,"code":"at_not_later","detail":"the entity changed later than that"}],"rejectedCount":1}
        """;

    public const string Shard =
        """
        {"shard":0,"status":"serving","detail":null,"node":"node-1","epoch":3,"generation":12,"sequence":4021,"checkpointedSequence":4000,
        "entities":812,"tags":1630,"segments":2,"segmentBytes":901120,"memtableBytes":20480,"checkpointsCommitted":2,"checkpointsRestored":0,"restarts":0}
        """;

    public const string Shards = $$"""{"items":[{{Shard}}]}""";

    public const string Checkpoint = """{"shard":0,"committed":true,"generation":13,"detail":""}""";

    public const string Verified = """{"shard":0,"findings":[],"repaired":[],"bytesChecked":905216}""";

    public const string Cluster =
        """
        {"members":[{"address":"akka.tcp://entityactors@127.0.0.1:4053","node":"node-1","uid":1181427533,"status":"up","roles":["shards"],
        "reachable":true,"leader":true,"self":true}]}
        """;
}
