using EntityActors.Tests.Shared.Http;
using EntityActors.Tests.Shared.Model;
using Xunit;

namespace EntityActors.Cluster.Tests;

public sealed class HistoryCheckerTests
{
    private const string Id = "e";

    [Fact]
    public void An_operation_in_flight_may_be_in_the_history_or_not()
    {
        var unknown = Put("a:1", OperationOutcome.Unknown, 0, 1);
        Assert.Empty(Check([], [unknown]));
        Assert.Empty(Check([Change(1, "a:1")], [unknown]));
    }

    [Fact]
    public void An_operation_in_flight_explains_one_change_only() =>
        Assert.Contains(Check([Change(1, "a:1"), Change(2)], [Put("a:1", OperationOutcome.Unknown, 0, 1)]),
            finding => finding.Contains("neither acknowledged nor in flight", StringComparison.Ordinal));

    [Fact]
    public void A_change_nobody_asked_for_is_found() =>
        Assert.Contains(Check([Change(1, "a:2")], [Put("a:1", OperationOutcome.Unknown, 0, 1)]),
            finding => finding.Contains("neither acknowledged nor in flight", StringComparison.Ordinal));

    [Fact]
    public void A_history_against_the_order_of_answers_is_found()
    {
        var second = Put("a:1", OperationOutcome.Acknowledged, 1, started: 20, ended: 30);
        var first = Put("a:2", OperationOutcome.Acknowledged, 2, started: 1, ended: 10);
        Assert.Contains(Check([Change(1, "a:1"), Change(2, "a:2", "a:1")], [first, second]),
            finding => finding.Contains("answered before it was sent", StringComparison.Ordinal));
    }

    [Fact]
    public void Concurrent_operations_may_stand_in_any_order()
    {
        var one = Put("a:1", OperationOutcome.Acknowledged, 1, started: 1, ended: 30);
        var two = Put("a:2", OperationOutcome.Acknowledged, 2, started: 2, ended: 10);
        Assert.Empty(Check([Change(1, "a:1"), Change(2, "a:2", "a:1")], [one, two]));
    }

    [Fact]
    public void A_gap_in_the_revisions_is_found() =>
        Assert.Contains(Check([Change(2, "a:1")], [Put("a:1", OperationOutcome.Unknown, 0, 1)]),
            finding => finding.Contains("revision 2 stands where 1 must", StringComparison.Ordinal));

    private static List<string> Check(ChangeShape[] observed, Operation[] operations)
    {
        var findings = new List<string>();
        HistoryChecker.Check(Id, [], observed, operations, new Dictionary<Operation, long>(), findings);
        return findings;
    }

    private static Operation Put(string tag, OperationOutcome outcome, long revision, long started, long ended = long.MaxValue) => new()
    {
        Client = "c", Kind = OperationKind.Put, Id = Id, CommandId = Guid.NewGuid(), Add = [tag], Outcome = outcome, StartedTicks = started,
        EndedTicks = ended, Commit = revision == 0 ? null : new CommitShape("d", Id, revision, revision * 10, 0, revision, false),
    };

    private static ChangeShape Change(long revision, string? added = null, string? removed = null) => new(
        "d", Id, revision, revision * 10, revision * 10, "", added is null ? [] : [added], removed is null ? [] : [removed], null, null);
}
