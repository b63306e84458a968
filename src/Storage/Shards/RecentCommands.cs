using EntityActors.Storage.Model;

namespace EntityActors.Storage.Shards;

/// <summary>What a command became, as far as a retry must know.</summary>
internal readonly record struct AppliedCommand(
    CommandId Id, ulong Fingerprint, long Revision, SequenceNumber Sequence, Timestamp At, uint ElapsedSeconds)
{
    public static AppliedCommand Of(Change change) =>
        new(change.CommandId, change.Fingerprint, change.Revision, change.Sequence, change.At, change.ElapsedSeconds);
}

/// <summary>Commands applied to one entity within the duplicate window, oldest first. Used by the shard's writer only.</summary>
internal sealed class RecentCommands
{
    private const int IndexedFrom = 16;

    private readonly Queue<AppliedCommand> _commands = new();
    private Dictionary<CommandId, AppliedCommand>? _byId;

    public int Count => _commands.Count;

    public void Add(AppliedCommand command)
    {
        _commands.Enqueue(command);
        if (_byId is not null) _byId[command.Id] = command;
        else if (_commands.Count > IndexedFrom) _byId = Index();
    }

    /// <summary>Forgets what was applied before the given serving time of the shard.</summary>
    public void Prune(uint elapsedSecondsMin)
    {
        while (_commands.TryPeek(out var oldest) && oldest.ElapsedSeconds < elapsedSecondsMin)
        {
            _commands.Dequeue();
            // A replay adds a later use of the same id before the earlier one is forgotten.
            if (_byId is not null && _byId.TryGetValue(oldest.Id, out var last) && last.Revision == oldest.Revision) _byId.Remove(oldest.Id);
        }
    }

    public bool TryFind(CommandId id, out AppliedCommand command)
    {
        if (_byId is not null) return _byId.TryGetValue(id, out command);
        foreach (var candidate in _commands)
        {
            if (candidate.Id != id) continue;
            command = candidate;
            return true;
        }

        command = default;
        return false;
    }

    private Dictionary<CommandId, AppliedCommand> Index()
    {
        var index = new Dictionary<CommandId, AppliedCommand>(_commands.Count * 2);
        foreach (var command in _commands) index[command.Id] = command;
        return index;
    }
}
