using EntityActors.Actors.Checkpoints;
using EntityActors.Storage.Model;
using Xunit;

namespace EntityActors.Actors.Tests.Checkpoints;

public sealed class CheckpointScheduleTests
{
    private static readonly ShardId[] Shards = [new(0), new(1), new(2)];
    private readonly CheckpointLimits _limits = new();
    private readonly CheckpointSchedule _schedule;

    public CheckpointScheduleTests() => _schedule = new CheckpointSchedule(_limits);

    [Fact]
    public void At_most_two_run_and_the_next_starts_when_one_ends()
    {
        foreach (var shard in Shards) Want(shard);
        Assert.Equal(Shards[0], Start());
        Assert.Equal(Shards[1], Start());
        Assert.Null(Start());
        _schedule.Succeeded(Shards[0]);
        Assert.Equal(Shards[2], Start());
        Assert.Null(Start());
    }

    [Fact]
    public void A_shard_runs_once_at_a_time_and_again_when_it_was_wanted_meanwhile()
    {
        Want(Shards[0]);
        Want(Shards[0]);
        Assert.Equal(Shards[0], Start());
        Assert.Null(Start());
        Want(Shards[0]);
        Assert.Null(Start());
        _schedule.Succeeded(Shards[0]);
        Assert.Equal(Shards[0], Start());
    }

    [Fact]
    public void A_failed_one_waits_longer_each_time_and_lets_others_pass()
    {
        var now = TimeSpan.Zero;
        var delay = _limits.RetryDelayMin;
        Want(Shards[0]);
        for (var failure = 1; failure <= 12; failure++)
        {
            Assert.Equal(Shards[0], Start(now));
            Assert.Equal(failure, _schedule.Failed(Shards[0], now));
            Want(Shards[1]);
            Assert.Equal(Shards[1], Start(now));
            _schedule.Succeeded(Shards[1]);
            Assert.Null(Start(now + delay - TimeSpan.FromTicks(1)));
            now += delay;
            delay = delay * 2 < _limits.RetryDelayMax ? delay * 2 : _limits.RetryDelayMax;
        }
    }

    [Fact]
    public void An_explicit_request_does_not_wait_and_is_forced()
    {
        Want(Shards[0]);
        Assert.Equal(Shards[0], Start());
        _schedule.Failed(Shards[0], TimeSpan.Zero);
        Assert.Null(Start());
        _schedule.Want(Shards[0], force: true, urgent: true);
        Assert.True(_schedule.TryStart(TimeSpan.Zero, out _, out var force));
        Assert.True(force);
    }

    [Fact]
    public void Success_forgets_failures_and_a_shard_that_is_gone_leaves_nothing_behind()
    {
        Want(Shards[0]);
        Start();
        _schedule.Failed(Shards[0], TimeSpan.Zero);
        _schedule.Forget(Shards[0]);
        Assert.Null(Start(TimeSpan.FromHours(1)));
        Want(Shards[0]);
        Assert.Equal(Shards[0], Start());
        _schedule.Succeeded(Shards[0]);
        Assert.Equal(0, _schedule.RunningCount);
    }

    private void Want(ShardId shard) => _schedule.Want(shard, force: false, urgent: false);

    private ShardId? Start(TimeSpan now = default) => _schedule.TryStart(now, out var shard, out _) ? shard : null;
}
