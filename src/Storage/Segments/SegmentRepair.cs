using EntityActors.Storage.Io;
using EntityActors.Storage.Model;

namespace EntityActors.Storage.Segments;

/// <summary>Checks the file of a segment from end to end and writes it anew where it is damaged.</summary>
/// <remarks>
/// Never in place: a power cut could tear a sector that a sound neighbour shares, and the stripe would have two damaged blocks. The
/// whole file is written under another name, synced, read back and compared with what was expected, then renamed over the damaged one,
/// and the directory synced. So at every instruction the name stands for the damaged bytes or for the right ones. Both are the same
/// segment: the checksums in the shard's header pin every byte of it, so it matters neither who repairs it nor how often.
/// </remarks>
/// <param name="repairer">Part of the temporary name; no two repairs at work may share it, or one could rename what the other is still writing.</param>
internal sealed class SegmentRepair(IFileSystem files, string path, SegmentInfo info, string repairer)
{
    public const string TemporarySuffix = ".repair.tmp";

    private readonly List<DamagedPlace> _damaged = [];
    private readonly List<DamagedPlace> _lost = [];

    /// <summary>Places found damaged.</summary>
    public IReadOnlyList<DamagedPlace> Damaged => _damaged;

    /// <summary>Those of them that could not be rebuilt.</summary>
    public IReadOnlyList<DamagedPlace> Lost => _lost;

    /// <summary>Whether the file was written anew.</summary>
    public bool IsRewritten { get; private set; }

    /// <summary>Reads the file. Each step returns the bytes it moved, so that the caller may take its time.</summary>
    /// <param name="rewrites">Whether a damaged file is written anew.</param>
    /// <exception cref="CorruptDataException">The file cannot be opened as this segment: nothing of it can be used.</exception>
    /// <exception cref="StoreIoException">There is no such file any more, or the disk refused.</exception>
    public IEnumerable<long> Run(bool rewrites)
    {
        using var file = SegmentFile.Open(files, path, info, new BlockCache(0), null);
        foreach (var bytes in file.Check(_damaged.Add)) yield return bytes;
        if (_damaged.Count == 0 || !rewrites) yield break;
        var temporary = $"{path}.{repairer}{TemporarySuffix}";
        try
        {
            using (var target = files.Create(temporary))
            {
                foreach (var bytes in file.CopyRepaired(target)) yield return bytes;
                target.SyncData();
            }

            // Read back through the reader, from the device.
            using (var written = SegmentFile.Open(files, temporary, info, new BlockCache(0), null))
            {
                foreach (var bytes in written.Check(_lost.Add)) yield return bytes;
            }

            // A checkpoint may have deleted the segment meanwhile; where nothing could be rebuilt nothing is gained; and a copy that was
            // stored wrong in another place may be worse than the original.
            if (_lost.Count < _damaged.Count && _lost.TrueForAll(_damaged.Contains) && files.FileExists(path))
            {
                files.Rename(temporary, path);
                files.SyncDirectory(System.IO.Path.GetDirectoryName(path)!);
                IsRewritten = true;
            }
        }
        finally
        {
            files.Delete(temporary);
        }
    }
}
