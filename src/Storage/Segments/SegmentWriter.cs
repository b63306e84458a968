using EntityActors.Storage.Io;
using EntityActors.Storage.Model;

namespace EntityActors.Storage.Segments;

/// <summary>Writes a segment file from entities in the order of their key bytes. Holds postings, not contents, in memory.</summary>
public static class SegmentWriter
{
    /// <summary>Returns once the file's bytes are synced. The caller syncs the directory.</summary>
    /// <param name="path">Must not exist. Deleted again when writing fails.</param>
    /// <param name="first">First event covered; every change lies between it and <paramref name="last"/>.</param>
    /// <exception cref="StoreIoException">The disk refused; nothing is left behind.</exception>
    /// <exception cref="InvariantViolationException">The entities are not a sorted, contiguous history.</exception>
    public static SegmentInfo Write(IFileSystem fs, string path, SegmentId id, SequenceNumber first, SequenceNumber last,
        IEnumerable<SegmentEntity> entities, SegmentOptions options)
    {
        var file = fs.Create(path);
        var done = false;
        try
        {
            var build = new SegmentBuild(new SegmentFileWriter(file), id, first, last, options);
            foreach (var entity in entities) build.Add(entity);
            var info = build.Finish();
            done = true;
            return info;
        }
        finally
        {
            file.Dispose();
            if (!done) fs.Delete(path);
        }
    }
}
