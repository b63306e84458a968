using EntityActors.Storage.CommitLog;
using EntityActors.Storage.Format;
using EntityActors.Storage.Io;
using EntityActors.Storage.Model;
using EntityActors.Storage.Shards;
using EntityActors.Tests.Shared;
using EntityActors.Tests.Shared.Faults;
using Xunit;

namespace EntityActors.Storage.Tests.Shards;

/// <summary>A full disk is told when a command is looked at. One that was stamped has its room in the log, whatever comes before it.</summary>
public sealed class FullLogTests
{
    private const int ShardCount = 6;
    private const int FileBytes = 64 * 1024;
    private const int ContentBytesMax = 30_000;

    [Fact]
    public async Task What_was_stamped_never_meets_a_full_disk()
    {
        var seed = SeedSource.Next();
        for (var run = 0; run < SeedSource.Runs(10); run++)
        {
            try
            {
                using var scenario = new Scenario(SeedSource.For(seed, run));
                await scenario.FillAsync();
            }
            catch (Exception failure)
            {
                throw new InvalidOperationException($"run {run} of {SeedSource.Variable}={seed}", failure);
            }
        }
    }

    private sealed class Scenario : IDisposable
    {
        private readonly TempDirectory _directory = new();
        private readonly Random _random;
        private readonly NodeStore _node;
        private readonly ShardStore[] _shards;
        private readonly Queue<(ChangeBatch Batch, Task Written)>[] _inFlight;
        private volatile bool _isFull;

        public Scenario(Random random)
        {
            _random = random;
            var files = new HookedFileSystem(PosixFileSystem.Instance);
            files.Before = (call, path) =>
            {
                if (_isFull && call == FileCall.Create && path.Contains("spare", StringComparison.Ordinal)) throw HookedFileSystem.Failure(path, 28);
            };
            _node = NodeStore.Open(Options(), files, TimeProvider.System);
            _shards = [.. Enumerable.Range(0, ShardCount).Select(shard => _node.OpenShard(new ShardId(shard), 0))];
            _inFlight = [.. _shards.Select(_ => new Queue<(ChangeBatch, Task)>())];
        }

        public async Task FillAsync()
        {
            for (var round = 0; round < 3; round++)
            {
                await StampUntil(NotNowReason.StorageFull, isFull: true);
                _isFull = false;
                await Accepts(ContentBytesMax);
                await StampUntil(null, isFull: false);
                // Nothing that was promised is kept: the largest command finds its room, time after time.
                for (var i = 0; i < 5; i++) await Accepts(ContentBytesMax);
            }
        }

        public void Dispose()
        {
            foreach (var shard in _shards) shard.Dispose();
            _node.Dispose();
            _directory.Dispose();
        }

        private NodeStoreOptions Options() => new()
        {
            DataDirectory = _directory.Path, ShardCount = ShardCount, CheckpointBytes = long.MaxValue, BatchBytesMax = 8192,
            Log = new()
            {
                FileBytes = FileBytes, RecordBytesMax = 48_000, GroupBytesMax = 1 << (13 + _random.Next(4)),
                IdleWatermark = TimeSpan.FromMilliseconds(1), SpareRetry = TimeSpan.FromMilliseconds(20),
            },
            Limits = EntityLimits.Default with { ContentBytesMax = ContentBytesMax },
        };

        /// <summary>Commands of random sizes on random shards, some batches held back, until the reason is met or enough was written.</summary>
        private async Task StampUntil(NotNowReason? end, bool isFull)
        {
            _isFull = isFull;
            for (var i = 0; end is not null || i < 200; i++)
            {
                Assert.True(i < 100_000, "the disk did not get full");
                var at = _random.Next(ShardCount);
                var result = _shards[at].Prepare(Command(_random.Next(3) == 0 ? _random.Next(ContentBytesMax) : _random.Next(200)));
                if (result is PrepareResult.NotNow later)
                {
                    if (later.Reason == end) break;
                    await SettleAll();
                }

                if (_random.Next(4) == 0) Write(at);
                if (_random.Next(20) == 0) await Settle(_random.Next(ShardCount));
            }

            await SettleAll();
        }

        private async Task Accepts(int contentBytes)
        {
            var deadline = DateTime.UtcNow + TimeSpan.FromSeconds(30);
            while (_shards[0].Prepare(Command(contentBytes)) is not PrepareResult.Accepted)
            {
                Assert.True(DateTime.UtcNow < deadline, "still no room");
                await Task.Delay(5);
            }

            await SettleAll();
        }

        private async Task SettleAll()
        {
            for (var i = 0; i < ShardCount; i++) await Settle(i);
        }

        private async Task Settle(int at)
        {
            Write(at);
            while (_inFlight[at].TryDequeue(out var next))
            {
                await next.Written;
                _shards[at].Apply(next.Batch);
            }
        }

        private void Write(int at)
        {
            var shard = _shards[at];
            if (shard.TakeBatch() is not { } batch) return;
            _inFlight[at].Enqueue((batch,
                _node.Log.AppendAsync(new LogAppend(shard.Shard, shard.Epoch, batch.Sequence, ChangeCodec.WriteBatch(batch)))));
        }

        private PutEntity Command(int contentBytes)
        {
            var bytes = new byte[contentBytes];
            _random.NextBytes(bytes);
            return new PutEntity(new EntityKey("demo", $"e{_random.Next(1000)}"), CommandId.New(), "ann", null, default,
                [new Tag($"x:{_random.Next(10)}")], new Content("text/plain", bytes));
        }
    }
}
