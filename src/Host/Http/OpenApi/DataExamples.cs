namespace EntityActors.Host.Http.OpenApi;

/// <summary>Examples of transactions, datasets, relations and exports for the OpenAPI document.</summary>
internal static class DataExamples
{
    public const string Transaction =
        """
        {"operations":[{"op":"put","id":"{lem}book-1","tags":["genre:novel"],"content":{"title":"Solaris"},"ifAbsent":true},
        {"op":"tags","id":"{lem}shelf","add":["holds:book-1"],"exists":true}]}
        """;

    public const string TransactionDone =
        """
        {"shard":17,"sequence":4021,"duplicate":false,"commits":[{"dataset":"library","id":"{lem}book-1","revision":1,
        "at":"2026-01-31T09:30:00.123456789Z","shard":17,"sequence":4021,"duplicate":false}]}
        """;

    public const string Dataset = """{"name":"library","description":"Books and who has them."}""";

    public const string DatasetDone =
        """
        {"name":"library","activeCount":812,"declared":true,"declaredAt":"2026-01-31T09:30:00.123456789Z","description":"Books and who has them."}
        """;

    public const string Datasets = """{"items":[{"name":"library","activeCount":812,"declared":true}],"cursor":"library"}""";

    public const string Relations =
        """
        {"nodes":[{"id":"book-1","depth":0,"revision":3,"tags":["author:lem"]},{"id":"lem","depth":1,"revision":1,"tags":["type:person"]}],
        "edges":[{"from":"book-1","type":"author","to":"lem"}],"truncated":false}
        """;

    public const string ExportLine =
        """
        {"at":"2026-01-31T09:30:00.123456789Z","op":"put","id":"book-1","tags":["genre:novel"],"contentType":"application/json","content":{"title":"Solaris"}}
        """;
}
