namespace EntityActors.Tests.Shared.Linearizability;

/// <summary>Whether the operations on one object can be put in one order that respects their intervals and explains every answer.</summary>
/// <remarks>
/// J. Wing and C. Gong, "Testing and verifying concurrent objects" (1993): take any operation whose call comes before the first
/// return, apply it, go on; go back when a return is met whose operation was not taken. With the cache of G. Lowe, "Testing for
/// linearizability" (2017): a set of operations taken, in a state, is searched once. Histories are checked object by object, which is
/// enough (Herlihy and Wing 1990, locality).
/// </remarks>
public sealed class LinearizabilityChecker<TState>(TState initial, IEqualityComparer<TState>? comparer = null)
{
    private readonly IEqualityComparer<TState> _comparer = comparer ?? EqualityComparer<TState>.Default;

    /// <summary>Sets of operations in a state that were searched.</summary>
    public long Searched { get; private set; }

    /// <param name="searchedMax">Searched sets from which the search is given up.</param>
    public LinearizabilityVerdict Check(IReadOnlyCollection<Operation<TState>> operations, long searchedMax = 20_000_000)
    {
        var head = Link(operations);
        var taken = new TakenSet(operations.Count);
        var seen = new HashSet<(TakenSet, TState)>(new SeenComparer(_comparer));
        var stack = new Stack<(Entry Call, TState Before)>();
        var state = initial;
        Searched = 0;
        var entry = head.Next;
        while (head.Next is not null)
        {
            // Everything left is a call whose return never came: none of these has to have happened.
            if (entry is null) return LinearizabilityVerdict.Linearizable;
            if (entry.Operation is { } operation)
            {
                if (operation.Step(state) is { } step && IsNew(seen, taken.With(entry.Index), step.After))
                {
                    if (++Searched > searchedMax) return LinearizabilityVerdict.Unknown;
                    stack.Push((entry, state));
                    state = step.After;
                    taken.Add(entry.Index);
                    entry.Lift();
                    entry = head.Next;
                }
                else entry = entry.Next;
            }
            else
            {
                if (!stack.TryPop(out var last)) return LinearizabilityVerdict.NotLinearizable;
                state = last.Before;
                taken.Remove(last.Call.Index);
                last.Call.Unlift();
                entry = last.Call.Next;
            }
        }

        return LinearizabilityVerdict.Linearizable;
    }

    private static bool IsNew(HashSet<(TakenSet, TState)> seen, TakenSet taken, TState after) => seen.Add((taken, after));

    private static Entry Link(IReadOnlyCollection<Operation<TState>> operations)
    {
        var entries = new List<(long At, Entry Entry)>();
        var index = 0;
        foreach (var operation in operations)
        {
            var call = new Entry(operation, index++);
            entries.Add((operation.Called, call));
            if (operation.Returned is not { } returned) continue;
            if (returned <= operation.Called) throw new ArgumentException($"{operation.Name} returned at {returned}, before its call at {operation.Called}");
            call.Return = new Entry(null, call.Index);
            entries.Add((returned, call.Return));
        }

        entries.Sort(static (left, right) => left.At.CompareTo(right.At));
        var head = new Entry(null, -1);
        var last = head;
        foreach (var (_, entry) in entries)
        {
            (last.Next, entry.Previous) = (entry, last);
            last = entry;
        }

        return head;
    }

    // A call or a return in the order of time. A call that is taken is lifted out together with its return.
    private sealed class Entry(Operation<TState>? operation, int index)
    {
        public Operation<TState>? Operation { get; } = operation;

        public int Index { get; } = index;

        public Entry? Return { get; set; }

        public Entry? Previous { get; set; }

        public Entry? Next { get; set; }

        public void Lift()
        {
            Unlink();
            Return?.Unlink();
        }

        public void Unlift()
        {
            Return?.Relink();
            Relink();
        }

        private void Unlink()
        {
            Previous!.Next = Next;
            if (Next is not null) Next.Previous = Previous;
        }

        private void Relink()
        {
            Previous!.Next = this;
            if (Next is not null) Next.Previous = this;
        }
    }

    private sealed class TakenSet
    {
        private readonly ulong[] _bits;

        public TakenSet(int count) => _bits = new ulong[(count + 63) / 64];

        private TakenSet(ulong[] bits) => _bits = bits;

        public void Add(int index) => _bits[index >> 6] |= 1UL << index;

        public void Remove(int index) => _bits[index >> 6] &= ~(1UL << index);

        public TakenSet With(int index)
        {
            var with = new TakenSet([.. _bits]);
            with.Add(index);
            return with;
        }

        public bool Holds(TakenSet other) => _bits.AsSpan().SequenceEqual(other._bits);

        public int Hash()
        {
            var hash = new HashCode();
            hash.AddBytes(System.Runtime.InteropServices.MemoryMarshal.AsBytes<ulong>(_bits));
            return hash.ToHashCode();
        }
    }

    private sealed class SeenComparer(IEqualityComparer<TState> states) : IEqualityComparer<(TakenSet Taken, TState State)>
    {
        public bool Equals((TakenSet Taken, TState State) x, (TakenSet Taken, TState State) y) =>
            x.Taken.Holds(y.Taken) && states.Equals(x.State, y.State);

        public int GetHashCode((TakenSet Taken, TState State) item) =>
            HashCode.Combine(item.Taken.Hash(), item.State is null ? 0 : states.GetHashCode(item.State));
    }
}
