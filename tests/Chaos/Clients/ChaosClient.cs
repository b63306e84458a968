using EntityActors.Chaos.Histories;
using EntityActors.Tests.Shared.Http;
using EntityActors.Tests.Shared.Model;

namespace EntityActors.Chaos.Clients;

/// <summary>
/// One of the concurrent clients: one operation at a time, at any node. A write is tried with one command id until it is answered; now and
/// then a client gives up instead, as a client that crashes would, and the outcome stays open.
/// </summary>
/// <param name="routes">Ways to the store, one for each node that it may ask.</param>
/// <param name="clocksStep">Whether times may be explained by a node's clock: a refusal of the moment asked about, a change before its request.</param>
internal sealed class ChaosClient(string name, IReadOnlyList<ClientRoute> routes, ChaosHistory history, ChaosClock clock,
    Random random, bool clocksStep)
{
    private const int HotPercent = 25;
    private const int ReadPercent = 30;
    private const int QueryPercent = 8;
    private const int PastPercent = 5;
    private const int GiveUpPercent = 10;
    private const int ContentBytesMax = 600;
    private const int RetryPauseMinMs = 15;
    private const int RetryPauseMaxMs = 120;

    private const int DaringPercent = 25;
    private static readonly TimeSpan[] Patiences = [TimeSpan.FromSeconds(0.7), TimeSpan.FromSeconds(1.5), TimeSpan.FromSeconds(4)];
    private static readonly TimeSpan AvoidTime = TimeSpan.FromSeconds(2);

    private readonly TimeSpan _patience = Patiences[random.Next(Patiences.Length)];
    private readonly Dictionary<string, long> _avoidedUntil = new(StringComparer.Ordinal);
    private readonly Dictionary<string, (long Revision, bool IsLive)> _seen = new(StringComparer.Ordinal);
    private long _acknowledgedAt;

    /// <param name="stop">No operation begins after it.</param>
    /// <param name="abandon">Whatever is not answered by then stays open.</param>
    public async Task RunAsync(CancellationToken stop, CancellationToken abandon)
    {
        while (!stop.IsCancellationRequested)
        {
            var family = random.Next(100) < HotPercent ? 0 : 1 + random.Next(Keyspace.ColdFamilyCount);
            var ids = Keyspace.IdsOf(family);
            var id = ids[random.Next(ids.Count)];
            var dice = random.Next(100);
            if (dice < ReadPercent) await GetAsync(id);
            else if ((dice -= ReadPercent) < QueryPercent) await FindAsync(family, ids);
            else if (dice - QueryPercent < PastPercent) await AskPastAsync(family, ids);
            else await WriteAsync(NextWrite(family, id), abandon);
        }
    }

    private async Task WriteAsync(Operation operation, CancellationToken abandon)
    {
        var write = new ClientWrite(operation, clock.Now());
        operation.StartedTicks = write.Called;
        history.Add(write);
        while (!abandon.IsCancellationRequested)
        {
            if (NextNode() is not var (node, connection))
            {
                await PauseAsync(abandon);
                continue;
            }

            var (called, calledAt) = (clock.Now(), Nanoseconds(DateTimeOffset.UtcNow));
            WriteAnswer? answer = null;
            ConnectionLostException? lost = null;
            try
            {
                answer = await WaitAsync(node, connection.WriteAsync(operation));
            }
            catch (ConnectionLostException cause)
            {
                lost = cause;
            }

            var outcome = lost is null ? OutcomeOf(answer!) : lost.WasSent ? AttemptOutcome.Unknown : AttemptOutcome.NotApplied;
            write.Add(new Attempt(node, called, clock.Now(), outcome, lost?.Message ?? $"{answer!.Status} {answer.Problem?.Code}"));
            if (answer is not null && outcome != AttemptOutcome.NotApplied && Settle(write, answer, calledAt)) return;
            if (outcome == AttemptOutcome.Unknown && IsRecognizable(operation) && random.Next(100) < GiveUpPercent) break;
            await PauseAsync(abandon);
        }

        if (write.Attempts.All(static attempt => attempt.Outcome == AttemptOutcome.NotApplied))
        {
            // Every answer promised that nothing was applied, so it must never be found.
            operation.Outcome = OperationOutcome.Refused;
            write.RefusalCode = "not applied";
            operation.EndedTicks = clock.Now();
        }

        history.Count(operation.Kind.ToString(), operation.Outcome == OperationOutcome.Refused ? "not applied" : "unknown");
    }

    private static AttemptOutcome OutcomeOf(WriteAnswer answer) => answer.Status switch
    {
        429 or 503 or 507 when answer.Problem is not null => AttemptOutcome.NotApplied,
        200 or 201 or 404 or 409 or 412 => AttemptOutcome.Definite,
        _ => AttemptOutcome.Unknown,
    };

    /// <summary>As the store counts time: since 1970.</summary>
    private static long Nanoseconds(DateTimeOffset time) => (time - DateTimeOffset.UnixEpoch).Ticks * 100;

    /// <param name="calledAt">When the last try began, on the machine's clock.</param>
    /// <returns>Whether the operation has ended.</returns>
    private bool Settle(ClientWrite write, WriteAnswer answer, long calledAt)
    {
        var operation = write.Operation;
        var mayHaveActed = write.Attempts.SkipLast(1).FirstOrDefault(static attempt => attempt.Outcome == AttemptOutcome.Unknown);
        if (answer.Commit is { } commit)
        {
            // A node that waits long for a shard sends a request to it twice, so the only try may be answered as a duplicate of itself.
            if (commit.Duplicate && mayHaveActed is null && !clocksStep && commit.At < calledAt)
                history.Find($"told that nothing was applied, then that it had been: {Describe(write)}");
            // Tries that promised to have done nothing are not part of the interval in which it took effect.
            operation.StartedTicks = (mayHaveActed ?? write.Attempts[^1]).Called;
            operation.EndedTicks = clock.Now();
            (operation.Commit, operation.Outcome) = (commit, OperationOutcome.Acknowledged);
            history.Locate(operation.Id, commit.Shard);
            history.Count(operation.Kind.ToString(), commit.Duplicate ? "acknowledged again" : "acknowledged");
            _seen[operation.Id] = (commit.Revision, operation.Kind != OperationKind.Delete);
            _acknowledgedAt = commit.At;
            return true;
        }

        if (answer is { Status: 404 or 409 or 412, Problem: { Code: "not_found" or "precondition_failed" or "not_deleted" } problem })
        {
            (write.RefusalCode, write.RefusedRevision) = (problem.Code, problem.ActualRevision);
            if (problem.ActualRevision is null) history.Find($"a refusal without the revision: {Describe(write)}");
            if (mayHaveActed is null)
            {
                operation.StartedTicks = write.Attempts[^1].Called;
                operation.Outcome = OperationOutcome.Refused;
                operation.EndedTicks = clock.Now();
            }

            history.Count(operation.Kind.ToString(), mayHaveActed is null ? "refused" : "refused after unknown");
            _seen[operation.Id] = (problem.ActualRevision ?? 0, problem.Code != "not_found");
            return true;
        }

        if (answer is { Status: 504, Problem.Code: "outcome_unknown" }) return false;
        history.Find($"an answer that breaks the contract: {answer} to {Describe(write)}");
        history.Count(operation.Kind.ToString(), "broken");
        return true;
    }

    private async Task GetAsync(string id)
    {
        if (await ReadAsync("Get", connection => connection.GetAsync(id, null)) is not var (node, called, seen)) return;
        history.Add(new ClientRead(name, node, id, called, clock.Now(), seen, null));
        _seen[id] = seen is null ? (_seen.GetValueOrDefault(id).Revision, false) : (seen.Revision, true);
    }

    private async Task FindAsync(int family, IReadOnlyList<string> ids)
    {
        var tag = Keyspace.Tag(family, random.Next(Keyspace.ValueCount));
        if (await ReadAsync("Query", connection => connection.FindAsync(tag, null)) is not var (node, called, seen)) return;
        var returned = clock.Now();
        if (ReportStrangers(tag, seen, ids)) return;
        foreach (var id in ids) history.Add(new ClientRead(name, node, id, called, returned, seen.FirstOrDefault(item => item.Id == id), tag));
    }

    /// <summary>Asks as of the moment of a change it knows of.</summary>
    private async Task AskPastAsync(int family, IReadOnlyList<string> ids)
    {
        if (_acknowledgedAt == 0) return;
        var asOf = _acknowledgedAt;
        if (random.Next(2) == 0)
        {
            var id = ids[random.Next(ids.Count)];
            if (await ReadAsync("Get as of", connection => connection.GetAsync(id, asOf)) is not var (at, from, one)) return;
            history.Add(new PastRead(name, at, [id], null, asOf, from, clock.Now(), one is null ? [] : [one]));
            return;
        }

        var tag = Keyspace.Tag(family, random.Next(Keyspace.ValueCount));
        if (await ReadAsync("Query as of", connection => connection.FindAsync(tag, asOf)) is not var (node, called, seen)) return;
        if (!ReportStrangers(tag, seen, ids)) history.Add(new PastRead(name, node, ids, tag, asOf, called, clock.Now(), seen));
    }

    private bool ReportStrangers(string tag, IReadOnlyList<EntityShape> seen, IReadOnlyList<string> ids)
    {
        var strangers = seen.Where(item => !ids.Contains(item.Id) || seen.Count(other => other.Id == item.Id) > 1).Select(static item => item.Id).ToList();
        if (strangers.Count > 0) history.Find($"a query for {tag} answered with [{string.Join(' ', strangers)}], which are strange to it or there twice");
        return strangers.Count > 0;
    }

    private async Task<(string Node, long Called, T Answer)?> ReadAsync<T>(string kind, Func<IStoreConnection, Task<T>> read)
    {
        if (NextNode() is not var (node, connection))
        {
            await PauseAsync(CancellationToken.None);
            return null;
        }

        var called = clock.Now();
        try
        {
            var answer = await WaitAsync(node, read(connection));
            history.Count(kind, "answered");
            return (node, called, answer);
        }
        catch (ConnectionLostException)
        {
            history.Count(kind, "lost");
        }
        catch (NotAnsweredException problem)
        {
            var isExpected = problem.Status is 429 or 503 or 504 || (problem.Status == 400 && clocksStep);
            if (!isExpected) history.Find($"{kind} at {node}: {problem.Message}");
            history.Count(kind, isExpected ? "not now" : "broken");
        }

        await PauseAsync(CancellationToken.None);
        return null;
    }

    /// <summary>Waits as long as this client waits. What it no longer waits for may still arrive at the node, be done and be answered.</summary>
    private async Task<T> WaitAsync<T>(string node, Task<T> call)
    {
        try
        {
            return await call.WaitAsync(_patience);
        }
        catch (TimeoutException late)
        {
            _avoidedUntil[node] = clock.Now() + ChaosClock.Ticks(AvoidTime);
            _ = call.ContinueWith(static ended => ended.Exception, TaskScheduler.Default);
            throw new ConnectionLostException("no answer in time", wasSent: true, late);
        }
    }

    /// <summary>Any reachable node, mostly not one that did not answer a moment ago.</summary>
    private (string Node, IStoreConnection Connection)? NextNode()
    {
        var (first, isDaring, now) = (random.Next(routes.Count), random.Next(100) < DaringPercent, clock.Now());
        (string, IStoreConnection)? avoided = null;
        for (var i = 0; i < routes.Count; i++)
        {
            var node = routes[(first + i) % routes.Count];
            if (node.Connect() is not { } connection) continue;
            if (isDaring || _avoidedUntil.GetValueOrDefault(node.Name) < now) return (node.Name, connection);
            avoided ??= (node.Name, connection);
        }

        return avoided;
    }

    private Operation NextWrite(int family, string id)
    {
        var (revision, isLive) = _seen.GetValueOrDefault(id);
        var dice = random.Next(100);
        var kind = dice switch
        {
            < 35 => OperationKind.Put,
            < 70 => OperationKind.PatchTags,
            < 82 => OperationKind.PutContent,
            < 92 => OperationKind.Delete,
            _ => OperationKind.Restore,
        };
        if (!isLive && random.Next(3) > 0) kind = revision > 0 && random.Next(2) == 0 ? OperationKind.Restore : OperationKind.Put;
        Span<byte> command = stackalloc byte[16];
        random.NextBytes(command);
        var commandId = new Guid(command);
        // The command's own tag tells one change from another in the history.
        string[] add = kind is OperationKind.Put or OperationKind.PatchTags ? [Tag(), Tag(), $"last:{commandId:N}"] : [];
        var bytes = kind == OperationKind.PutContent ? new byte[16 + random.Next(ContentBytesMax)] : null;
        if (bytes is not null) random.NextBytes(bytes);
        var isConditional = isLive && kind != OperationKind.Restore && random.Next(family == 0 ? 2 : 4) == 0;
        return new Operation
        {
            Client = name, Kind = kind, Id = id, CommandId = commandId, Add = [.. add.Distinct()],
            Remove = kind == OperationKind.PatchTags ? [Tag(), Tag()] : [],
            IfMatch = isConditional ? revision : null,
            IfAbsent = kind == OperationKind.Put && !isConditional && random.Next(5) == 0,
            ContentBytes = bytes,
            ContentJson = kind == OperationKind.Put && random.Next(3) > 0 ? $$"""{"by":"{{name}}","n":{{random.Next(1_000_000)}}}""" : null,
        };

        string Tag() => Keyspace.Tag(family, random.Next(Keyspace.ValueCount));
    }

    /// <summary>Whether its change looks like no other's, so that an open outcome can be told from the history alone.</summary>
    private static bool IsRecognizable(Operation operation) =>
        operation.Kind is OperationKind.Put or OperationKind.PatchTags or OperationKind.PutContent;

    private Task PauseAsync(CancellationToken cancellation) =>
        Task.Delay(random.Next(RetryPauseMinMs, RetryPauseMaxMs), cancellation).ContinueWith(static _ => { }, TaskScheduler.Default);

    private static string Describe(ClientWrite write) =>
        $"{write.Operation}; tries: {string.Join(", ", write.Attempts.Select(static attempt => $"{attempt.Node} {attempt.Outcome} ({attempt.Answer})"))}";
}
