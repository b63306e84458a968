using EntityActors.Actors.Client;
using EntityActors.Actors.Protocol;
using EntityActors.Storage.Model;
using Xunit;

namespace EntityActors.Actors.Tests.Hosting;

/// <summary>Calls begun at once, one for each entity. Each ends as done or as busy with a hint when to come back; anything else fails the test.</summary>
internal sealed class Burst
{
    private readonly (EntityKey Key, Task Call)[] _calls;

    private Burst(IEnumerable<(EntityKey Key, Task Call)> calls) => _calls = [.. calls];

    /// <returns>When every call is with its shard or was refused.</returns>
    public static Burst OfWrites(IEntityStore store, IEnumerable<EntityKey> keys, string content) => new(keys.Select(key => (key, WriteAsync(store, key, content))));

    public static Burst OfReads(IEntityStore store, IEnumerable<EntityKey> keys) => new(keys.Select(key => (key, ReadAsync(store, key))));

    /// <summary>Waits until so many calls have ended while the others are held.</summary>
    public Task EndedAsync(int count) => Eventually.HoldsAsync(
        () => _calls.Count(call => call.Call.IsCompleted) >= count,
        () => $"{_calls.Count(call => call.Call.IsCompleted)} of {count} calls have ended");

    /// <returns>What was done, once every call has ended.</returns>
    /// <param name="limit">What every refusal has to name.</param>
    public async Task<IReadOnlyList<EntityKey>> DoneAsync(string limit)
    {
        var done = new List<EntityKey>();
        foreach (var (key, call) in _calls)
        {
            try
            {
                await call;
                done.Add(key);
            }
            catch (StoreBusyException busy)
            {
                Assert.Contains(limit, busy.Message, StringComparison.Ordinal);
                Assert.True(busy.RetryAfter > TimeSpan.Zero, busy.Message);
            }
        }

        return done;
    }

    // Not on threads of the pool: on a busy machine they would begin some time later.
    private static async Task WriteAsync(IEntityStore store, EntityKey key, string content) =>
        Assert.IsType<CommandResult.Committed>(await store.ExecuteAsync(NodeLoad.Put(key, content), default));

    private static async Task ReadAsync(IEntityStore store, EntityKey key) =>
        Assert.Equal(key, (await store.GetAsync(key, null, true, default))!.Head.Key);
}
