using EntityActors.Host.Security;
using EntityActors.Storage.Model;
using Xunit;

namespace EntityActors.Host.Tests.Security;

/// <summary>How long an answer about a session is believed, with a clock of the test's own.</summary>
public sealed class SessionCacheTests
{
    private static readonly TimeSpan Believed = TimeSpan.FromMilliseconds(500);
    private static readonly Principal User = new("user", [], [], "s", DateTimeOffset.MaxValue);
    private readonly SettableTime _time = new();
    private readonly Sessions _sessions = new();
    private readonly SessionCache _cache;

    public SessionCacheTests() => _cache = new SessionCache(_sessions, TestSettings.Of("entityactors.security.session-cache-size = 100"), _time);

    [Fact]
    public async Task An_answer_is_believed_for_half_a_second_and_then_asked_for_again()
    {
        Assert.Equal(User, await FindAsync());
        _sessions.Answer = null;
        _time.Advance(Believed - TimeSpan.FromTicks(1));
        Assert.Equal(User, await FindAsync());
        Assert.Equal(1, _sessions.Count);
        _time.Advance(TimeSpan.FromTicks(1));
        Assert.Null(await FindAsync());
        Assert.Equal(2, _sessions.Count);
    }

    [Fact]
    public async Task An_answer_that_took_long_is_believed_from_when_it_was_asked_for()
    {
        var slow = _sessions.Hold();
        var first = FindAsync();
        _time.Advance(Believed);
        // The question is under way for half a second: who comes now asks anew.
        _sessions.Held = null;
        _sessions.Answer = null;
        Assert.Null(await FindAsync());
        slow.SetResult(User);
        Assert.Equal(User, await first);
        Assert.Null(await FindAsync());
    }

    [Fact]
    public async Task Many_requests_of_one_session_ask_once()
    {
        var slow = _sessions.Hold();
        var all = Enumerable.Range(0, 100).Select(_ => FindAsync()).ToList();
        slow.SetResult(User);
        Assert.All(await Task.WhenAll(all), found => Assert.Equal(User, found));
        Assert.Equal(1, _sessions.Count);
    }

    [Fact]
    public async Task A_shard_that_does_not_answer_lets_nobody_in()
    {
        Assert.Equal(User, await FindAsync());
        _time.Advance(Believed);
        _sessions.Hold().SetException(new StoreDamageException());
        await Assert.ThrowsAsync<StoreDamageException>(FindAsync);
    }

    [Fact]
    public async Task A_session_is_over_at_its_time_even_while_it_is_believed()
    {
        _sessions.Answer = User with { ExpiresAt = _time.GetUtcNow() + TimeSpan.FromMilliseconds(100) };
        Assert.NotNull(await FindAsync());
        _time.Advance(TimeSpan.FromMilliseconds(100));
        Assert.Null(await FindAsync());
        Assert.Equal(1, _sessions.Count);
    }

    [Fact]
    public async Task Tokens_of_strangers_do_not_fill_the_memory_and_are_still_told_apart()
    {
        _sessions.Answer = null;
        for (var i = 0; i < 1_000; i++) Assert.Null((await _cache.FindAsync($"stranger {i}", default)).Principal);
        _sessions.Answer = User;
        Assert.Equal(User, await FindAsync());
        _time.Advance(Believed);
        Assert.Equal(User, await FindAsync());
        var asked = _sessions.Count;
        Assert.Equal(User, await FindAsync());
        Assert.Equal(asked, _sessions.Count);
    }

    private async Task<Principal?> FindAsync() => (await _cache.FindAsync("s", default)).Principal;

    private sealed class StoreDamageException() : StoreException("away");

    private sealed class Sessions : ISessionReader
    {
        private int _count;

        public int Count => Volatile.Read(ref _count);

        public Principal? Answer { get; set; } = User;

        public TaskCompletionSource<Principal?>? Held { get; set; }

        public TaskCompletionSource<Principal?> Hold() => Held = new TaskCompletionSource<Principal?>();

        public Task<Principal?> ReadAsync(string sessionId, CancellationToken cancellation)
        {
            Interlocked.Increment(ref _count);
            return Held?.Task ?? Task.FromResult(Answer);
        }
    }
}
