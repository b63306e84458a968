using EntityActors.Actors.Shards;
using EntityActors.Storage.CommitLog;
using EntityActors.Storage.Model;
using Xunit;

namespace EntityActors.Actors.Tests.Shards;

public sealed class SupervisionPolicyTests
{
    private static readonly CorruptDataException Damage = new("file", 1, "a", "b");
    private static readonly StoreIoException DiskError = new("read", "file", 5, "input/output error");
    private static readonly StaleEpochException Stale = new(new ShardId(1), new Epoch(2));
    private readonly ShardLimits _limits = new();
    private readonly SupervisionPolicy _policy;

    public SupervisionPolicyTests() => _policy = new SupervisionPolicy(_limits, new Random(1));

    [Fact]
    public void Damage_goes_one_header_back_then_gives_up_lost_entities_and_ends_in_quarantine()
    {
        Assert.Equal(new ShardOpening(1, ToleratesLoss: false), Retry(Damage).Opening);
        for (var failure = 2; failure < _limits.QuarantineFailureCount; failure++)
            Assert.Equal(new ShardOpening(1, ToleratesLoss: true), Retry(Damage).Opening);
        var quarantine = Assert.IsType<SupervisionDecision.Quarantine>(_policy.OnFailure(Damage));
        Assert.Contains("corrupt data in file", quarantine.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void A_disk_error_is_tried_for_ever_with_a_bounded_growing_delay()
    {
        var before = TimeSpan.Zero;
        for (var failure = 1; failure <= 100; failure++)
        {
            var retry = Retry(DiskError);
            Assert.Equal(ShardOpening.Newest, retry.Opening);
            Assert.InRange(retry.Delay, _limits.RestartDelayMin * 0.75, _limits.RestartDelayMax);
            if (failure <= 8) Assert.True(retry.Delay > before, $"failure {failure}: {retry.Delay} after {before}");
            before = retry.Delay;
        }
    }

    [Fact]
    public void A_newer_owner_is_no_failure()
    {
        for (var i = 0; i < 100; i++) Assert.Equal(_limits.FencedDelay, Retry(Stale).Delay);
        Assert.Equal(0, _policy.FailureCount);
    }

    [Fact]
    public void A_defect_of_the_program_ends_in_quarantine_without_another_header()
    {
        var defect = new InvariantViolationException("x");
        for (var failure = 1; failure < _limits.QuarantineFailureCount; failure++) Assert.Equal(ShardOpening.Newest, Retry(defect).Opening);
        Assert.IsType<SupervisionDecision.Quarantine>(_policy.OnFailure(defect));
    }

    [Fact]
    public void Health_ends_a_row_of_failures()
    {
        for (var i = 0; i < 20; i++)
        {
            _ = Retry(Damage);
            _policy.OnHealthy();
        }

        Assert.Equal(ShardOpening.Newest, Retry(DiskError).Opening);
    }

    [Fact]
    public void Disk_errors_do_not_count_towards_quarantine()
    {
        for (var i = 0; i < 20; i++) _ = Retry(DiskError);
        _ = Retry(Damage);
    }

    [Fact]
    public void A_log_whose_queue_is_full_is_tried_for_ever()
    {
        for (var i = 0; i < 20; i++) _ = Retry(new CommitLogBusyException(1));
    }

    [Fact]
    public void The_cause_is_found_inside_its_wrappers()
    {
        Assert.IsType<SupervisionDecision.Retry>(_policy.OnFailure(new AggregateException(new InvalidOperationException("w", Stale))));
        Assert.Equal(0, _policy.FailureCount);
    }

    private SupervisionDecision.Retry Retry(Exception cause) => Assert.IsType<SupervisionDecision.Retry>(_policy.OnFailure(cause));
}
