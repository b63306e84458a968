using System.Globalization;
using EntityActors.Simulation.Tests.Model;
using EntityActors.Storage.Model;
using EntityActors.Tests.Shared.Linearizability;

namespace EntityActors.Simulation.Tests.Owners;

/// <summary>What clients of all owners asked and were told, in the order of time: calls and replies of one entity.</summary>
internal sealed class OwnerHistory
{
    private readonly List<Asked> _asked = [];
    private long _now;

    /// <summary>A read or a write that began.</summary>
    /// <param name="Label">The command that is written; null for a read.</param>
    /// <param name="IsOfThePast">Whether a read is as of a time that need not be the newest.</param>
    internal sealed record Asked(string Owner, string? Label, bool IsOfThePast, long Called)
    {
        public long? Returned { get; set; }

        /// <summary>What a write was answered.</summary>
        public long Revision { get; set; }

        /// <summary>What a read was answered: the commands that made the entity, and up to which recorded time that is all.</summary>
        public string Seen { get; set; } = "";

        public Timestamp RecordedAt { get; set; }

        public override string ToString() => Label is null
            ? $"{Owner} reads {(Returned is null ? "without a reply" : $"[{Seen}] up to {RecordedAt}")}"
            : $"{Owner} writes {Label}{(Returned is null ? " without a reply" : $" as revision {Revision}")}";
    }

    public IReadOnlyList<Asked> All => _asked;

    /// <summary>Told of each call and reply, with the owner that it is of.</summary>
    public Action<string>? Told { get; set; }

    public Asked Begin(string owner, string? label, bool isOfThePast = false)
    {
        var asked = new Asked(owner, label, isOfThePast, ++_now);
        _asked.Add(asked);
        Told?.Invoke(owner);
        return asked;
    }

    public void Acknowledge(Asked write, long revision)
    {
        (write.Returned, write.Revision) = (++_now, revision);
        Told?.Invoke(write.Owner);
    }

    public void Reply(Asked read, string seen, Timestamp recordedAt)
    {
        (read.Returned, read.Seen, read.RecordedAt) = (++_now, seen, recordedAt);
        Told?.Invoke(read.Owner);
    }

    public static string Join(IEnumerable<string> labels) => string.Join(' ', labels);

    /// <summary>All replies and the history that was found in the end must be those of one owner that does one thing after the other.</summary>
    public void Check(string before, IReadOnlyList<(string Label, Timestamp RecordedAt)> after)
    {
        var operations = new List<Operation<string>>();
        foreach (var asked in _asked)
        {
            // A read without a reply says nothing.
            if (asked.IsOfThePast || (asked.Label is null && asked.Returned is null)) continue;
            operations.Add(new Operation<string>(asked.ToString(), asked.Called, asked.Returned, asked.Label is null ? Reads(asked.Seen) : Writes(asked)));
        }

        var found = Join(after.Select(change => change.Label));
        operations.Add(new Operation<string>("final", _now + 1, _now + 2, Reads(found)));
        var verdict = new LinearizabilityChecker<string>(before, StringComparer.Ordinal).Check(operations);
        SimulationViolation.Unless(verdict == LinearizabilityVerdict.Linearizable,
            $"no single owner could have answered so: {string.Join("; ", _asked)}; before [{before}], in the end [{found}]");
        foreach (var read in _asked)
        {
            if (read.Label is not null || read.Returned is null) continue;
            var seen = Join(after.Where(change => change.RecordedAt <= read.RecordedAt).Select(change => change.Label));
            SimulationViolation.Unless(seen == read.Seen,
                $"a read up to {read.RecordedAt} was answered [{read.Seen}], and now that time holds [{seen}]: {string.Join("; ", _asked)}");
        }
    }

    /// <summary>Hash over everything that was asked and answered.</summary>
    public void AddTo(ref HashCode hash)
    {
        foreach (var asked in _asked)
        {
            hash.Add(string.Create(CultureInfo.InvariantCulture, $"{asked.Called} {asked.Returned} {asked.RecordedAt.Nanoseconds} {asked}"));
        }
    }

    private static Func<string, SequentialStep<string>?> Reads(string seen) => state => state == seen ? new SequentialStep<string>(state) : null;

    private static Func<string, SequentialStep<string>?> Writes(Asked write) => state =>
    {
        var labels = state.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        var at = Array.IndexOf(labels, write.Label);
        // A retry with the same command id is answered as the first one was, and changes nothing.
        var revision = at >= 0 ? at + 1 : labels.Length + 1;
        if (write.Returned is not null && write.Revision != revision) return null;
        return new SequentialStep<string>(at >= 0 ? state : Join(labels.Append(write.Label!)));
    };
}
