using System.Runtime.InteropServices;
using SharpFuzz.Common;

namespace EntityActors.Storage.Fuzz.Engine;

/// <summary>The map that instrumented code counts its branches in, and what of it was ever seen. One for each process.</summary>
/// <remarks>Counts are folded into AFL's eight buckets, so that one more turn of a loop is new only when the loop doubles.</remarks>
internal sealed unsafe class CoverageMap
{
    public const int SizeBytes = 64 * 1024;

    private static readonly byte[] Buckets = MakeBuckets();
    private static readonly byte* Map = (byte*)NativeMemory.AlignedAlloc(SizeBytes, 64);

    private readonly byte[] _seen = new byte[SizeBytes];

    /// <summary>Branches seen at least once.</summary>
    public int EdgeCount { get; private set; }

    /// <summary>Must come before any instrumented code runs: its counters would be written through a null pointer.</summary>
    public static void Install()
    {
        NativeMemory.Clear(Map, SizeBytes);
        Trace.SharedMem = Map;
    }

    /// <summary>Forgets the branches of what ran since the last run.</summary>
    public static void Begin()
    {
        NativeMemory.Clear(Map, SizeBytes);
        Trace.PrevLocation = 0;
    }

    /// <returns>Whether the run that ends here took a branch, or took one so often, as none before.</returns>
    public bool End()
    {
        var isNew = false;
        var words = new ReadOnlySpan<ulong>(Map, SizeBytes / sizeof(ulong));
        for (var at = words.IndexOfAnyExcept(0UL); at >= 0;)
        {
            isNew |= Merge(at * sizeof(ulong));
            var next = words[(at + 1)..].IndexOfAnyExcept(0UL);
            at = next < 0 ? -1 : at + 1 + next;
        }

        return isNew;
    }

    private bool Merge(int from)
    {
        var isNew = false;
        for (var i = from; i < from + sizeof(ulong); i++)
        {
            var bucket = Buckets[Map[i]];
            if ((bucket & ~_seen[i]) == 0) continue;
            if (_seen[i] == 0) EdgeCount++;
            _seen[i] |= bucket;
            isNew = true;
        }

        return isNew;
    }

    private static byte[] MakeBuckets()
    {
        var buckets = new byte[256];
        for (var count = 1; count < buckets.Length; count++)
        {
            buckets[count] = count switch { 1 => 1, 2 => 2, 3 => 4, < 8 => 8, < 16 => 16, < 32 => 32, < 128 => 64, _ => 128 };
        }

        return buckets;
    }
}
