using System.Diagnostics;
using EntityActors.Tests.Shared.Http;
using EntityActors.Tests.Shared.Model;

namespace EntityActors.Cluster.Tests.Kill;

/// <summary>
/// One of the concurrent clients: one operation at a time until the store is killed. It alone writes its cold ids, so it knows
/// which of its operations must succeed; the hot ids it shares with the others and mostly writes under a condition.
/// </summary>
internal sealed class LoadClient
{
    public const int ColdIdCount = 120;
    public const int HotIdCount = 4;
    public const int ColorCount = 6;
    private const int HotPercent = 15;
    private static readonly TimeSpan RetryPause = TimeSpan.FromMilliseconds(20);

    private readonly string _name;
    private readonly string _dataset;
    private readonly ReferenceModel _model;
    private readonly Random _random;
    private readonly Dictionary<string, (ModelState? State, long Revision)> _own = new(StringComparer.Ordinal);
    private readonly List<string> _findings = [];

    public LoadClient(string name, string dataset, ReferenceModel model, Random random)
    {
        _name = name;
        _dataset = dataset;
        _model = model;
        _random = random;
        for (var i = 0; i < ColdIdCount; i++)
        {
            // An id with what must be escaped in a path.
            var id = $"{name}/cold #{i}";
            var last = model.ChangesOf(id).LastOrDefault();
            _own[id] = (last?.After, last?.Revision ?? 0);
        }
    }

    /// <summary>Answers that broke the contract while the store was up.</summary>
    public IReadOnlyList<string> Findings => _findings;

    public int AcknowledgedCount { get; private set; }

    public async Task RunAsync(StoreHttp http, CancellationToken killed)
    {
        while (!killed.IsCancellationRequested)
        {
            var operation = _random.Next(100) < HotPercent ? await NextHotAsync(http) : NextCold();
            if (operation is not null) await ExecuteAsync(http, operation, killed);
        }
    }

    private async Task ExecuteAsync(StoreHttp http, Operation operation, CancellationToken killed)
    {
        operation.StartedTicks = Stopwatch.GetTimestamp();
        _model.Sent(operation);
        while (!killed.IsCancellationRequested)
        {
            try
            {
                var answer = await operation.SendAsync(http, _dataset);
                if (answer.Status is 429 or >= 500)
                {
                    if (answer.Problem is null) _findings.Add($"status {answer.Status} without a problem: {answer} to {operation}");
                    await Task.Delay(RetryPause, killed).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                    continue;
                }

                Settle(operation, answer);
                return;
            }
            catch (Exception cause) when (cause is HttpRequestException or IOException or TaskCanceledException)
            {
                // The kill, or the server is not listening yet: the outcome stays unknown until a retry settles it.
                await Task.Delay(RetryPause, killed).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }

        // This client sends nothing more, so what it believes about this id no longer matters; the model is rebuilt from the store.
    }

    private void Settle(Operation operation, WriteAnswer answer)
    {
        operation.EndedTicks = Stopwatch.GetTimestamp();
        operation.Commit = answer.Commit;
        operation.Outcome = answer.Commit is null ? OperationOutcome.Refused : OperationOutcome.Acknowledged;
        if (answer.Commit is not null) AcknowledgedCount++;
        if (answer.Commit is not null && answer.ETag != $"\"{answer.Commit.Revision}\"" && operation.Kind == OperationKind.Put)
            _findings.Add($"ETag {answer.ETag} of {answer}");
        if (answer.Commit is null && answer.Problem is null) _findings.Add($"neither commit nor problem: {answer} to {operation}");
        if (!_own.TryGetValue(operation.Id, out var before)) return;

        var expected = ModelRules.Apply(before.State, before.Revision, operation);
        if ((expected is null) != (answer.Commit is null)) _findings.Add($"answered {answer} to {operation} on revision {before.Revision} {before.State}");
        if (expected is null || answer.Commit is null) return;
        if (answer.Commit.Revision != before.Revision + 1) _findings.Add($"revision {answer.Commit.Revision} after {before.Revision}: {operation}");
        _own[operation.Id] = (expected.After, answer.Commit.Revision);
    }

    private Operation NextCold()
    {
        var id = $"{_name}/cold #{_random.Next(ColdIdCount)}";
        var (state, revision) = _own[id];
        var ifMatch = _random.Next(4) == 0 && state is not null ? revision - (_random.Next(5) == 0 ? 1 : 0) : (long?)null;
        if (state is null || _random.Next(3) == 0)
            return Make(OperationKind.Put, id, ifMatch, ifAbsent: ifMatch is null && _random.Next(4) == 0);
        if (state.IsDeleted) return Make(_random.Next(5) == 0 ? OperationKind.PatchTags : OperationKind.Restore, id, null, false);
        return Make(_random.Next(10) switch
        {
            < 5 => OperationKind.PatchTags,
            < 7 => OperationKind.PutContent,
            < 9 => OperationKind.Delete,
            _ => OperationKind.Restore,
        }, id, ifMatch, ifAbsent: false);
    }

    private async Task<Operation?> NextHotAsync(StoreHttp http)
    {
        var id = $"hot-{_random.Next(HotIdCount)}";
        EntityShape? seen;
        try
        {
            seen = await http.GetAsync(_dataset, id);
        }
        catch (Exception cause) when (cause is HttpRequestException or IOException or TaskCanceledException)
        {
            return null;
        }

        if (seen is null) return Make(_random.Next(2) == 0 ? OperationKind.Put : OperationKind.Restore, id, null, ifAbsent: _random.Next(2) == 0);
        var kind = _random.Next(20) switch
        {
            < 8 => OperationKind.Put,
            < 16 => OperationKind.PatchTags,
            < 19 => OperationKind.PutContent,
            _ => OperationKind.Delete,
        };
        return Make(kind, id, _random.Next(5) == 0 ? null : seen.Revision, ifAbsent: false);
    }

    private Operation Make(OperationKind kind, string id, long? ifMatch, bool ifAbsent)
    {
        var command = NewGuid();

        // The command's own tag tells one patch from another in the history.
        string[] add = kind is OperationKind.Put or OperationKind.PatchTags
            ? [$"color:{_random.Next(ColorCount)}", $"by:{_name}", $"last:{command:N}"]
            : [];
        string[] remove = kind == OperationKind.PatchTags ? [$"color:{_random.Next(ColorCount)}", $"color:{_random.Next(ColorCount)}"] : [];
        var bytes = kind == OperationKind.PutContent ? new byte[_random.Next(600)] : null;
        if (bytes is not null) _random.NextBytes(bytes);
        return new Operation
        {
            Client = _name, Kind = kind, Id = id, CommandId = command, Add = [.. add], Remove = [.. remove], IfMatch = ifMatch,
            IfAbsent = ifAbsent && kind == OperationKind.Put, ContentBytes = bytes,
            ContentJson = kind == OperationKind.Put && _random.Next(3) > 0 ? $$"""{"by":"{{_name}}","n":{{_random.Next(1_000_000)}}}""" : null,
        };
    }

    private Guid NewGuid()
    {
        Span<byte> bytes = stackalloc byte[16];
        _random.NextBytes(bytes);
        return new Guid(bytes);
    }
}
