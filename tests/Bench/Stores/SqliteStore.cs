using System.Collections.Concurrent;
using Microsoft.Data.Sqlite;

namespace EntityActors.Bench.Stores;

/// <summary>SQLite in WAL mode with <c>synchronous = FULL</c>, a tags table and its index, one transaction a group. No history.</summary>
internal sealed class SqliteStore : IBenchStore
{
    private readonly string _connectionText;
    private readonly SqliteConnection _writeConnection;
    private readonly SqliteCommand _putEntity;
    private readonly SqliteCommand _clearTags;
    private readonly SqliteCommand _putTag;
    private readonly GroupCommit _writer;
    private readonly ConcurrentBag<Reader> _readers = [];

    public SqliteStore(string directory, int groupMax)
    {
        _connectionText = new SqliteConnectionStringBuilder { DataSource = Path.Combine(directory, "bench.db"), Pooling = false }.ToString();
        _writeConnection = Open();
        Run("PRAGMA journal_mode = WAL");
        Run("PRAGMA synchronous = FULL");
        Run("CREATE TABLE IF NOT EXISTS entities (id TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID");
        Run("CREATE TABLE IF NOT EXISTS tags (tag TEXT NOT NULL, id TEXT NOT NULL, PRIMARY KEY (tag, id)) WITHOUT ROWID");
        Run("CREATE INDEX IF NOT EXISTS tags_of_entity ON tags (id)");
        _putEntity = Command(_writeConnection, "INSERT OR REPLACE INTO entities VALUES ($1, $2)", 2);
        _clearTags = Command(_writeConnection, "DELETE FROM tags WHERE id = $1", 1);
        _putTag = Command(_writeConnection, "INSERT OR REPLACE INTO tags VALUES ($1, $2)", 2);
        _writer = new GroupCommit(Name, groupMax, Commit);
    }

    public string Name => "SQLite";

    public Task WriteAsync(BenchEntity entity) => _writer.WriteAsync(entity);

    public Task<int> ReadAsync(string id)
    {
        var reader = Rent();
        reader.Get.Parameters[0].Value = id;
        var value = reader.Get.ExecuteScalar() as byte[];
        _readers.Add(reader);
        return Task.FromResult(value is null ? -1 : EntityEncoding.ContentLength(value));
    }

    public Task<int> QueryAsync(string tag, int limit)
    {
        var reader = Rent();
        reader.Find.Parameters[0].Value = tag;
        reader.Find.Parameters[1].Value = limit;
        var count = 0;
        using (var rows = reader.Find.ExecuteReader())
        {
            while (rows.Read()) count += rows.IsDBNull(1) ? 0 : 1;
        }

        _readers.Add(reader);
        return Task.FromResult(count);
    }

    public ValueTask DisposeAsync()
    {
        _writer.Dispose();
        foreach (var reader in _readers) reader.Dispose();
        _putEntity.Dispose();
        _clearTags.Dispose();
        _putTag.Dispose();
        _writeConnection.Dispose();
        return ValueTask.CompletedTask;
    }

    private void Commit(IReadOnlyList<BenchEntity> group)
    {
        using var transaction = _writeConnection.BeginTransaction();
        _putEntity.Transaction = _clearTags.Transaction = _putTag.Transaction = transaction;
        foreach (var entity in group)
        {
            _putEntity.Parameters[0].Value = _clearTags.Parameters[0].Value = _putTag.Parameters[1].Value = entity.Id;
            _putEntity.Parameters[1].Value = EntityEncoding.Encode(entity);
            _putEntity.ExecuteNonQuery();
            _clearTags.ExecuteNonQuery();
            foreach (var tag in entity.Tags)
            {
                _putTag.Parameters[0].Value = tag;
                _putTag.ExecuteNonQuery();
            }
        }

        transaction.Commit();
    }

    private Reader Rent() => _readers.TryTake(out var reader) ? reader : new Reader(Open());

    private SqliteConnection Open()
    {
        var connection = new SqliteConnection(_connectionText);
        connection.Open();
        return connection;
    }

    private void Run(string sql)
    {
        using var command = Command(_writeConnection, sql, 0);
        command.ExecuteNonQuery();
    }

    private static SqliteCommand Command(SqliteConnection connection, string sql, int parameterCount)
    {
        var command = connection.CreateCommand();
#pragma warning disable CA2100 // Every text is a constant of this file.
        command.CommandText = sql;
#pragma warning restore CA2100
        for (var i = 1; i <= parameterCount; i++) command.Parameters.Add(new SqliteParameter { ParameterName = $"${i}" });
        return command;
    }

    /// <summary>A connection with its prepared queries, used by one call at a time.</summary>
    private sealed class Reader(SqliteConnection connection) : IDisposable
    {
        public SqliteCommand Get { get; } = Command(connection, "SELECT value FROM entities WHERE id = $1", 1);

        public SqliteCommand Find { get; } = Command(connection,
            "SELECT t.id, e.value FROM tags t JOIN entities e ON e.id = t.id WHERE t.tag = $1 ORDER BY t.id LIMIT $2", 2);

        public void Dispose()
        {
            Get.Dispose();
            Find.Dispose();
            connection.Dispose();
        }
    }
}
