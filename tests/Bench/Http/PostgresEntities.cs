using EntityActors.Storage.Model;
using Npgsql;
using NpgsqlTypes;

namespace EntityActors.Bench.Http;

/// <summary>Entities in PostgreSQL: the newest state with its tags indexed, and every change in a table of its own. Thread-safe.</summary>
internal sealed class PostgresEntities : IAsyncDisposable
{
    public const string CountChanges = "SELECT count(*) FROM history";

    private const string Schema = """
        CREATE TABLE entities (
            dataset text NOT NULL, id text NOT NULL, revision bigint NOT NULL, created_at bigint NOT NULL, updated_at bigint NOT NULL,
            tags text[] NOT NULL, content_type text, content bytea, PRIMARY KEY (dataset, id));
        CREATE INDEX entities_tags ON entities USING gin (tags);
        CREATE TABLE history (
            dataset text NOT NULL, id text NOT NULL, revision bigint NOT NULL, at bigint NOT NULL, sequence bigint GENERATED ALWAYS AS IDENTITY,
            author text NOT NULL, tags text[] NOT NULL, content_type text, content bytea, PRIMARY KEY (dataset, id, revision));
        """;

    /// <summary>One statement is one transaction and one way there and back, the least that PostgreSQL can do this with.</summary>
    private const string PutStatement = """
        WITH put AS (
            INSERT INTO entities AS e (dataset, id, revision, created_at, updated_at, tags, content_type, content)
            VALUES ($1, $2, 1, $3, $3, $4, $5, $6)
            ON CONFLICT (dataset, id) DO UPDATE SET revision = e.revision + 1, updated_at = greatest(excluded.updated_at, e.updated_at + 1),
                tags = excluded.tags, content_type = excluded.content_type, content = excluded.content
            RETURNING revision, updated_at)
        INSERT INTO history (dataset, id, revision, at, author, tags, content_type, content)
        SELECT $1, $2, revision, updated_at, 'anonymous', $4, $5, $6 FROM put RETURNING revision, at, sequence
        """;

    private const string GetStatement = "SELECT revision, created_at, updated_at, tags, content_type, content FROM entities WHERE dataset = $1 AND id = $2";

    private readonly NpgsqlDataSource _source;

    private PostgresEntities(NpgsqlDataSource source) => _source = source;

    /// <summary>Connects and makes the tables.</summary>
    public static async Task<PostgresEntities> CreateAsync(string connectionString, int connections)
    {
        var settings = new NpgsqlConnectionStringBuilder(connectionString)
        {
            MinPoolSize = connections, MaxPoolSize = connections, MaxAutoPrepare = 8, AutoPrepareMinUsages = 2, NoResetOnClose = true,
        };
        var entities = new PostgresEntities(NpgsqlDataSource.Create(settings));
        await using var schema = entities._source.CreateCommand(Schema);
        await schema.ExecuteNonQueryAsync();
        return entities;
    }

    public async Task<StoredCommit> PutAsync(string dataset, string id, string[] tags, string? contentType, byte[]? content, CancellationToken cancellation)
    {
        await using var command = _source.CreateCommand(PutStatement);
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = dataset });
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = id });
        command.Parameters.Add(new NpgsqlParameter<long> { TypedValue = Timestamp.FromDateTimeOffset(TimeProvider.System.GetUtcNow()).Nanoseconds });
        command.Parameters.Add(new NpgsqlParameter<string[]> { TypedValue = tags });
        command.Parameters.Add(new NpgsqlParameter { NpgsqlDbType = NpgsqlDbType.Text, Value = (object?)contentType ?? DBNull.Value });
        command.Parameters.Add(new NpgsqlParameter { NpgsqlDbType = NpgsqlDbType.Bytea, Value = (object?)content ?? DBNull.Value });
        await using var row = await command.ExecuteReaderAsync(cancellation);
        if (!await row.ReadAsync(cancellation)) throw new InvalidDataException($"nothing was put for {id}");
        return new StoredCommit(row.GetInt64(0), new Timestamp(row.GetInt64(1)), row.GetInt64(2));
    }

    /// <returns>Null when there is no such entity.</returns>
    public async Task<StoredEntity?> GetAsync(string dataset, string id, CancellationToken cancellation)
    {
        await using var command = _source.CreateCommand(GetStatement);
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = dataset });
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = id });
        await using var row = await command.ExecuteReaderAsync(cancellation);
        if (!await row.ReadAsync(cancellation)) return null;
        return new StoredEntity(row.GetInt64(0), new Timestamp(row.GetInt64(1)), new Timestamp(row.GetInt64(2)), row.GetFieldValue<string[]>(3),
            row.IsDBNull(4) ? null : row.GetString(4), row.IsDBNull(5) ? null : row.GetFieldValue<byte[]>(5));
    }

    public ValueTask DisposeAsync() => _source.DisposeAsync();

    internal readonly record struct StoredCommit(long Revision, Timestamp At, long Sequence);

    internal sealed record StoredEntity(
        long Revision, Timestamp CreatedAt, Timestamp UpdatedAt, string[] Tags, string? ContentType, byte[]? Content);
}
