using EntityActors.Simulation.Tests.Disk;
using EntityActors.Storage.Format;
using EntityActors.Storage.Segments;
using System.IO.Hashing;

namespace EntityActors.Simulation.Tests.Exploration;

/// <summary>Segments that an inspection found whole, by their bytes and by what a header says of them: most disks of a workload hold the same.</summary>
/// <remarks>One worker's: not thread-safe.</remarks>
internal sealed class SegmentVerdicts
{
    private readonly HashSet<(ulong Bytes, ulong Facts)> _whole = [];
    private readonly List<(ulong, ulong)> _inspected = [];
    private readonly ByteWriter _facts = new();

    /// <summary>Whether these bytes are known to be this segment. Others are noted as under inspection.</summary>
    public bool IsWhole(SimulatedFileSystem files, string path, SegmentInfo info)
    {
        var bytes = files.DigestOf(path);
        if (bytes == 0) return false;
        _facts.Clear();
        info.Write(_facts);
        var key = (bytes, XxHash3.HashToUInt64(_facts.Written));
        if (_whole.Contains(key)) return true;
        _inspected.Add(key);
        return false;
    }

    /// <summary>The inspection found nothing: what it read is whole.</summary>
    public void Accept()
    {
        _whole.UnionWith(_inspected);
        _inspected.Clear();
    }

    public void Reject() => _inspected.Clear();
}
