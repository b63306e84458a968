using System.Text.Json;
using EntityActors.Chaos.Histories;
using EntityActors.Tests.Shared.Http;
using EntityActors.Tests.Shared.Model;

namespace EntityActors.Chaos.Reports;

/// <summary>Everything that was recorded, one JSON object a line. Times are seconds on the run's clock.</summary>
internal static class HistoryFile
{
    public static void Write(string path, ChaosResult result)
    {
        using var file = new StreamWriter(path);
        foreach (var fault in result.Faults)
            Line(file, new { type = "fault", kind = fault.Kind.ToString(), fault.Target, fault.Detail, from = Seconds(fault.Started), to = Seconds(fault.Ended) });
        foreach (var (at, what) in result.Events) Line(file, new { type = "event", at = Seconds(at), what });
        foreach (var write in result.History.Writes.OrderBy(static write => write.Called)) Line(file, Shape(write));
        foreach (var read in result.History.Reads.OrderBy(static read => read.Called))
        {
            Line(file, new
            {
                type = "read", read.Client, read.Node, read.Id, read.Tag, from = Seconds(read.Called), to = Seconds(read.Returned), seen = Shape(read.Seen),
            });
        }

        foreach (var past in result.History.PastReads.OrderBy(static past => past.Called))
        {
            Line(file, new
            {
                type = "past", past.Client, past.Node, past.Ids, past.Tag, past.AsOf, from = Seconds(past.Called), to = Seconds(past.Returned),
                seen = past.Seen.Select(Shape),
            });
        }
    }

    private static object Shape(ClientWrite write)
    {
        var operation = write.Operation;
        return new
        {
            type = "write", operation.Client, kind = operation.Kind.ToString(), operation.Id, command = operation.CommandId, from = Seconds(operation.StartedTicks),
            to = operation.Outcome == OperationOutcome.Unknown ? null : Seconds(operation.EndedTicks), outcome = operation.Outcome.ToString(),
            operation.Add, operation.Remove, operation.IfMatch, operation.IfAbsent, operation.ContentJson, operation.ContentBytes,
            operation.Commit?.Revision, operation.Commit?.At, operation.Commit?.Shard, operation.Commit?.Sequence, operation.Commit?.Duplicate,
            write.RefusalCode, write.RefusedRevision,
            tries = write.Attempts.Select(static attempt => new
            {
                attempt.Node, from = Seconds(attempt.Called), to = Seconds(attempt.Ended), outcome = attempt.Outcome.ToString(), attempt.Answer,
            }),
        };
    }

    private static object? Shape(EntityShape? seen) => seen is null
        ? null
        : new { seen.Id, seen.Revision, seen.UpdatedAt, seen.Tags, seen.ContentType, content = seen.ContentText };

    private static double? Seconds(long? ticks) => ticks is { } known ? ChaosClock.Seconds(known) : null;

    private static void Line(StreamWriter file, object item) => file.WriteLine(JsonSerializer.Serialize(item, JsonSerializerOptions.Web));
}
