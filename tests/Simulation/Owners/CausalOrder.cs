using System.Numerics;
using EntityActors.Simulation.Tests.Disk;

namespace EntityActors.Simulation.Tests.Owners;

/// <summary>A hash of what each strand has seen so far: equal at two moments when no strand could tell them apart.</summary>
/// <remarks>
/// A strand's code depends on nothing but what it reads, so where all strands have equal pasts, everything that can follow is equal, too
/// (happens-before caching of CHESS). A call joins the past of whoever changed what it looks at; a change also follows all looks before it.
/// </remarks>
internal sealed class CausalOrder(int strands)
{
    private readonly ulong[] _pasts = new ulong[strands];
    private readonly Dictionary<string, (ulong Changed, ulong Looked)> _resources = new(StringComparer.Ordinal);

    public ulong State
    {
        get
        {
            var state = 1UL;
            foreach (var past in _pasts) state = Mix(state, past);
            return state;
        }
    }

    /// <summary>The call of a strand that is about to be made.</summary>
    public void Add(int strand, OwnerCall call)
    {
        var past = Mix(_pasts[strand], (ulong)call.Kind + 1);
        var resources = Of(call).ToArray();
        foreach (var (resource, isChange) in resources)
        {
            var (changed, looked) = _resources.GetValueOrDefault(resource);
            past = Mix(Mix(past, changed), isChange ? looked : 0);
        }

        _pasts[strand] = past;
        foreach (var (resource, isChange) in resources)
        {
            var (changed, looked) = _resources.GetValueOrDefault(resource);
            _resources[resource] = isChange ? (past, 0) : (changed, looked + Mix(past, 7));
        }
    }

    /// <summary>A client asks a strand something or is answered: all of these have one order.</summary>
    public void AddEvent(int strand) => Add(strand, new OwnerCall(DiskCallKind.Write, "clients"));

    /// <summary>A process was killed.</summary>
    public void AddKill(int strand) => _pasts[strand] = Mix(_pasts[strand], 99);

    private static IEnumerable<(string Resource, bool IsChange)> Of(OwnerCall call)
    {
        foreach (var (resource, isChange) in CallResource.Of(call))
        {
            // A rename has two names; which one is meant follows from the order they come in, and one hash for both is as good.
            var path = resource.Part == 'l' && call.Kind != DiskCallKind.List ? Path.GetDirectoryName(call.Path)! : call.Path;
            yield return ($"{resource.Part}{path}", isChange);
        }

        if (call.NewPath is not null) yield return ($"n{call.NewPath}", true);
    }

    private static ulong Mix(ulong hash, ulong value) => BitOperations.RotateLeft((hash ^ value) * 0x9E3779B97F4A7C15, 29) * 0xBF58476D1CE4E5B9;
}
