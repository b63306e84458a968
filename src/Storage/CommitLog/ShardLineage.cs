using EntityActors.Storage.Model;

namespace EntityActors.Storage.CommitLog;

/// <summary>Events of one epoch that count: those in this log from a position to before another.</summary>
internal sealed record LineagePiece(LogIndex Index, Epoch Epoch, long From, long To);

/// <summary>What a shard's event sequence is made of, oldest epoch first; the last piece is the owner's own and still grows.</summary>
internal sealed class ShardLineage(ShardId shard, Epoch epoch, LogId log, SequenceNumber floor, IReadOnlyList<LineagePiece> pieces)
{
    public Epoch Epoch { get; } = epoch;

    /// <summary>Log that the epoch was claimed for; when that log fails, so does the claim.</summary>
    public LogId Log { get; } = log;

    public SequenceNumber LastSequence
    {
        get
        {
            for (var i = pieces.Count - 1; i >= 0; i--)
            {
                var piece = pieces[i];
                if (piece.Index.FindLast(shard, piece.Epoch, piece.From, piece.To) is { } last) return last.Sequence > floor ? last.Sequence : floor;
            }

            return floor;
        }
    }

    /// <exception cref="CorruptDataException">An event after this one is missing.</exception>
    public void CheckGapless(SequenceNumber after)
    {
        var (next, last) = (after.Next, LastSequence);
        foreach (var (_, entry) in Entries())
        {
            if (entry.Sequence <= after) continue;
            if (entry.Sequence != next) throw Missing(next, $"event {entry.Sequence}");
            next = next.Next;
        }

        if (next <= last) throw Missing(next, "the end of the log");
    }

    /// <exception cref="CorruptDataException">An event is missing or no longer reads as it was written.</exception>
    public IEnumerable<LogEvent> Read(SequenceNumber from, SequenceNumber to)
    {
        var next = from;
        foreach (var (index, entry) in Entries())
        {
            if (entry.Sequence < from) continue;
            if (entry.Sequence > to) yield break;
            if (entry.Sequence != next) throw Missing(next, $"event {entry.Sequence}");
            next = next.Next;
            yield return new LogEvent(entry.Sequence, entry.Epoch, index.ReadBody(entry));
        }

        if (next <= to) throw Missing(next, "the end of the log");
    }

    private IEnumerable<(LogIndex Index, LogEntry Entry)> Entries()
    {
        foreach (var piece in pieces)
        {
            foreach (var entry in piece.Index.Find(shard, piece.Epoch, piece.From, piece.To)) yield return (piece.Index, entry);
        }
    }

    private CorruptDataException Missing(SequenceNumber expected, string found) =>
        new($"commit log of shard {shard}", 0, $"event {expected}", found);
}
