using Akka.Actor;
using Akka.Actor.Dsl;
using Akka.TestKit.Xunit2;
using EntityActors.Actors.Client;
using EntityActors.Actors.Protocol;
using EntityActors.Actors.Retention;
using EntityActors.Storage.Model;
using Xunit;

namespace EntityActors.Actors.Tests.Retention;

/// <summary>What a policy asks of shards before it trims them, and when it asks again.</summary>
public sealed class HistoryTrimTests() : TestKit("akka.loglevel = OFF, akka.stdout-loglevel = OFF")
{
    private static readonly TimeSpan Step = TimeSpan.FromMinutes(1);
    private static readonly Timestamp Start = Timestamp.FromDateTimeOffset(new DateTimeOffset(2026, 1, 1, 0, 0, 0, TimeSpan.Zero));

    private readonly List<LookAtHistory> _looks = [];
    private readonly List<TrimHistory> _trims = [];

    [Fact]
    public async Task A_shard_that_fails_keeps_no_other_one_from_its_trim()
    {
        var pass = NewPass(3, look => look.Shard.Value == 1 ? new ShardFault.Corrupted(look.Shard, "damage") : Found(look, default, 5, 10), Committed);
        var outcome = await RunAsync(pass, Start);
        Assert.IsType<EntityCorruptedException>(outcome.Failure);
        Assert.Equal([0, 1, 2], _looks.Select(static look => look.Shard.Value));
        Assert.Equal([0, 2], _trims.Select(static trim => trim.Shard.Value));
        Assert.Equal(new TrimmedCount(2, 10), outcome.Trimmed);
        // The next pass looks at what was left out, and tells its failure anew.
        Assert.NotNull((await RunAsync(pass, Start)).Failure);
        Assert.Equal([0, 1, 2, 1], _looks.Select(static look => look.Shard.Value));
    }

    [Fact]
    public async Task What_a_shard_does_not_take_yet_is_sent_again_without_another_look()
    {
        var refusal = new CommandRefused(new Refusal(RefusalCode.PreconditionFailed, "not carried out yet", 1));
        var pass = NewPass(1, static look => Found(look, default, 5, 10), trim => _trims.Count < 3 ? refusal : Committed(trim));
        for (var i = 0; i < 5; i++)
            Assert.Equal(i == 2 ? 5 : 0, (await RunAsync(pass, Start.Plus(TimeSpan.FromSeconds(i)))).Trimmed.Changes);
        Assert.Single(_looks);
        Assert.Equal(3, _trims.Count);
        Assert.Single(_trims.Select(static trim => trim.Before).Distinct());
    }

    [Fact]
    public async Task A_horizon_that_another_node_moved_is_not_looked_at_again_within_a_step()
    {
        var horizon = Start.Plus(-TimeSpan.FromHours(1) - TimeSpan.FromSeconds(1));
        var pass = NewPass(1, look => Found(look, horizon, 5, 10), Committed);
        for (var i = 0; i < 3; i++) await RunAsync(pass, Start.Plus(TimeSpan.FromSeconds(i)));
        Assert.Single(_looks);
        Assert.Empty(_trims);
    }

    [Theory]
    [InlineData(1, 0, false)]
    [InlineData(1, 59, true)]
    [InlineData(62, 0, false)]
    [InlineData(63, 0, true)]
    public async Task Segments_are_written_anew_for_a_part_of_the_changes_or_after_an_hour(long changes, int minutes, bool isTrimmed)
    {
        var horizon = Start.Plus(-TimeSpan.FromHours(1) - Step * (minutes + 5));
        var pass = NewPass(1, look => Found(look, horizon, changes, 1_000), Committed);
        await RunAsync(pass, Start);
        Assert.Single(_looks);
        Assert.Equal(isTrimmed ? 1 : 0, _trims.Count);
        // Whoever applies it by hand gets it at once.
        var byHand = NewPass(1, look => Found(look, horizon, changes, 1_000), Committed);
        Assert.Equal(changes, (await byHand.RunAsync(Start, 100, 100, dryRun: false, stepMin: null, default)).Trimmed.Changes);
    }

    [Fact]
    public async Task A_pass_that_ends_at_its_limit_is_resumed_behind_the_last_shard_that_was_looked_at_as_a_whole()
    {
        object LookAt(LookAtHistory look) => look.FromOrdinal == 0 ? new HistoryLooked(look.Shard, default, 1, 2, 10, 500) : Found(look, default, 3, 10);
        string? next = "0.0.";
        for (var shard = 0; next is not null; shard++)
        {
            var pass = NewPass(3, LookAt, Committed);
            pass.Resume(next);
            var outcome = await pass.RunAsync(Start, pagesMax: 1, 100, dryRun: true, stepMin: null, default);
            Assert.Equal(new TrimmedCount(2, 5), outcome.Trimmed);
            Assert.Equal(2 * (shard + 1), _looks.Count);
            next = outcome.Next;
        }

        Assert.Equal([0, 0, 1, 1, 2, 2], _looks.Select(static look => look.Shard.Value));
        foreach (var wrong in new[] { "", "x", "4.0.", "0.1.", "-1.0.", "0.0", "99999999999.0." })
            Assert.Throws<InvalidQueryException>(() => NewPass(3, LookAt, Committed).Resume(wrong));
    }

    private static Task<RetentionOutcome> RunAsync(RetentionPass pass, Timestamp now)
    {
        pass.Restart();
        return pass.RunAsync(now, 100, 100, dryRun: false, Step, default);
    }

    private static HistoryLooked Found(LookAtHistory look, Timestamp horizon, long changes, long all) => new(look.Shard, horizon, 1, changes, all, null);

    private static CommandCommitted Committed(TrimHistory trim) =>
        new(new Commit(HistoryTrim.KeyOf(trim.Dataset, trim.Shard, 4), 1, Start, trim.Shard, new SequenceNumber(1), Duplicate: false));

    private RetentionPass NewPass(int shards, Func<LookAtHistory, object> look, Func<TrimHistory, object> trim)
    {
        IActorRef region = Sys.ActorOf(actor =>
        {
            actor.Receive<LookAtHistory>((message, context) =>
            {
                _looks.Add(message);
                context.Sender.Tell(look(message), context.Self);
            });
            actor.Receive<TrimHistory>((message, context) =>
            {
                _trims.Add(message);
                context.Sender.Tell(trim(message), context.Self);
            });
        });
        var limits = new ClientLimits();
        var client = new EntityStoreClient(region, shards, EntityLimits.Default, limits, TimeProvider.System, new Random(1));
        return new RetentionPass(client, new RetentionPolicy("docs", null, null) { KeepChanges = 3 });
    }
}
