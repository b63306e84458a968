using System.Text;
using RocksDbSharp;

namespace EntityActors.Bench.Stores;

/// <summary>RocksDB with a tag index kept in the same atomic batch, each group synced. It keeps the newest state only, no history.</summary>
internal sealed class RocksStore : IBenchStore
{
    private const int BloomBitsPerKey = 10;
    private readonly RocksDb _db;
    private readonly WriteOptions _synced = new WriteOptions().SetSync(true);
    private readonly GroupCommit _writer;

    public RocksStore(string directory, int groupMax)
    {
        var table = new BlockBasedTableOptions().SetFilterPolicy(BloomFilterPolicy.Create(BloomBitsPerKey));
        _db = RocksDb.Open(new DbOptions().SetCreateIfMissing(true).SetBlockBasedTableFactory(table), directory);
        _writer = new GroupCommit(Name, groupMax, Commit);
    }

    public string Name => "RocksDB";

    public Task WriteAsync(BenchEntity entity) => _writer.WriteAsync(entity);

    public Task<int> ReadAsync(string id)
    {
        var value = _db.Get(EntityKey(id));
        return Task.FromResult(value is null ? -1 : EntityEncoding.ContentLength(value));
    }

    public Task<int> QueryAsync(string tag, int limit)
    {
        var prefix = Encoding.ASCII.GetBytes("t" + tag + "\0");
        using var iterator = _db.NewIterator();
        var count = 0;
        for (iterator.Seek(prefix); iterator.Valid() && count < limit; iterator.Next())
        {
            var key = iterator.Key();
            if (!key.AsSpan().StartsWith(prefix)) break;
            key[prefix.Length - 1] = (byte)'e';
            if (_db.Get(key[(prefix.Length - 1)..]) is not null) count++;
        }

        return Task.FromResult(count);
    }

    public ValueTask DisposeAsync()
    {
        _writer.Dispose();
        _db.Dispose();
        return ValueTask.CompletedTask;
    }

    private void Commit(IReadOnlyList<BenchEntity> group)
    {
        using var batch = new WriteBatch();
        foreach (var entity in group)
        {
            batch.Put(EntityKey(entity.Id), EntityEncoding.Encode(entity));
            foreach (var tag in entity.Tags) batch.Put(Encoding.ASCII.GetBytes($"t{tag}\0{entity.Id}"), Array.Empty<byte>());
        }

        _db.Write(batch, _synced);
    }

    private static byte[] EntityKey(string id) => Encoding.ASCII.GetBytes("e" + id);
}
