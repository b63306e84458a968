using EntityActors.Host.Security;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Xunit;

namespace EntityActors.Host.Tests.Security;

/// <summary>When a request that goes on is broken off, with a clock of the test's own.</summary>
public sealed class RunningRequestTests : IDisposable
{
    private static readonly Principal User = new("user", [], [Permission.Parse("entity:read"), Permission.Parse("entity:write:acme")], "s", DateTimeOffset.MaxValue);
    private readonly SettableTime _time = new();
    private readonly Sessions _sessions = new();
    private readonly RunningRequests _running;
    private readonly DefaultHttpContext _context = new();
    private readonly Lifetime _lifetime = new();

    public RunningRequestTests()
    {
        var settings = TestSettings.Of("");
        _running = new RunningRequests(new SessionCache(_sessions, settings, _time), settings, _time);
        _context.Features.Set<IHttpRequestLifetimeFeature>(_lifetime);
    }

    public void Dispose() => _running.Dispose();

    [Fact]
    public void It_goes_on_as_long_as_its_session_is_confirmed()
    {
        using var request = _running.Add(_context, User, _time.GetTimestamp());
        Look(seconds: 60);
        Assert.False(_context.RequestAborted.IsCancellationRequested || _lifetime.IsAborted);
        Assert.InRange(_sessions.Count, 60, 130);
    }

    [Fact]
    public void It_is_broken_off_within_a_second_of_the_end_of_its_session()
    {
        using var request = _running.Add(_context, User, _time.GetTimestamp());
        Look(seconds: 2);
        _sessions.Answer = null;
        Look(seconds: 1);
        Assert.True(_context.RequestAborted.IsCancellationRequested);
    }

    [Fact]
    public void It_is_broken_off_when_it_may_do_less_and_not_when_it_may_do_more()
    {
        using var request = _running.Add(_context, User, _time.GetTimestamp());
        _sessions.Answer = User with { Permissions = [Permission.Everything] };
        Look(seconds: 2);
        Assert.False(_context.RequestAborted.IsCancellationRequested || _lifetime.IsAborted);
        _sessions.Answer = User with { Permissions = [Permission.Parse("entity:read")] };
        Look(seconds: 1);
        Assert.True(_context.RequestAborted.IsCancellationRequested);
    }

    [Fact]
    public void It_is_broken_off_within_a_second_when_nobody_can_be_asked()
    {
        using var request = _running.Add(_context, User, _time.GetTimestamp());
        _sessions.Held = new TaskCompletionSource<Principal?>();
        Look(seconds: 1);
        Assert.True(_context.RequestAborted.IsCancellationRequested);
    }

    [Fact]
    public void One_that_is_over_is_left_alone()
    {
        _running.Add(_context, User, _time.GetTimestamp()).Dispose();
        _sessions.Answer = null;
        Look(seconds: 5);
        Assert.False(_context.RequestAborted.IsCancellationRequested || _lifetime.IsAborted);
    }

    [Theory]
    [InlineData("GET", true, 401, "unauthenticated")]
    [InlineData("GET", false, 503, "unavailable")]
    [InlineData("PUT", true, 504, "outcome_unknown")]
    [InlineData("PUT", false, 504, "outcome_unknown")]
    public void It_is_told_why_it_was_broken_off_and_cut_when_it_goes_on(string method, bool isEnded, int status, string code)
    {
        _context.Request.Method = method;
        using var request = _running.Add(_context, User, _time.GetTimestamp());
        if (isEnded) _sessions.Answer = null;
        else _sessions.Held = new TaskCompletionSource<Principal?>();
        Look(seconds: 1);
        Assert.Equal((status, code), (request.Broken!.Status, request.Broken.Code));
        Look(seconds: 1);
        Assert.True(_lifetime.IsAborted);
    }

    private void Look(int seconds)
    {
        for (var i = 0; i < seconds * 8; i++)
        {
            _time.Advance(TimeSpan.FromMilliseconds(125));
            _running.Look();
        }
    }

    private sealed class Sessions : ISessionReader
    {
        public int Count { get; private set; }

        public Principal? Answer { get; set; } = User;

        public TaskCompletionSource<Principal?>? Held { get; set; }

        public Task<Principal?> ReadAsync(string sessionId, CancellationToken cancellation)
        {
            Count++;
            return Held?.Task ?? Task.FromResult(Answer);
        }
    }

    private sealed class Lifetime : IHttpRequestLifetimeFeature
    {
        public bool IsAborted { get; private set; }

        public CancellationToken RequestAborted { get; set; }

        public void Abort() => IsAborted = true;
    }
}
