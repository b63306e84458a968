using System.Collections.Concurrent;
using EntityActors.Storage.CommitLog;
using Xunit;

namespace EntityActors.Storage.Tests.CommitLog;

public sealed class ThreadTimerTests
{
    private static readonly TimeSpan Soon = TimeSpan.FromSeconds(60);

    [Fact]
    public void It_calls_on_one_thread_of_its_own_until_it_is_disposed()
    {
        var callers = new ConcurrentDictionary<Thread, bool>();
        using var called = new CountdownEvent(3);
        using var timer = ThreadTimer.Start(TimeProvider.System, "test", Tick, TimeSpan.FromMilliseconds(1));
        Assert.True(called.Wait(Soon));
        var thread = Assert.Single(callers).Key;
        Assert.False(thread.IsThreadPoolThread);
        timer.Dispose();
        Assert.True(thread.Join(Soon));

        void Tick()
        {
            callers.TryAdd(Thread.CurrentThread, true);
            if (!called.IsSet) called.Signal();
        }
    }
}
