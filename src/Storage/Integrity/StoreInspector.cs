using System.Collections.Immutable;
using EntityActors.Storage.Blobs;
using EntityActors.Storage.CommitLog;
using EntityActors.Storage.Io;
using EntityActors.Storage.Model;
using EntityActors.Storage.Segments;
using EntityActors.Storage.Shards;

namespace EntityActors.Storage.Integrity;

/// <summary>Reads a closed store from end to end and names every fault. Changes nothing unless it is asked to repair.</summary>
/// <remarks>
/// Checked: store.json; every header and that its counts equal its segments'; every block, index and posting of every segment,
/// through the reader; that segments follow each other without a gap; every blob; every log, claim and seal. A store in use by another
/// process is refused, since its files change while they are read.
/// </remarks>
public static class StoreInspector
{
    /// <param name="progress">Shards done so far.</param>
    /// <param name="repairs">Whether damaged segments are written anew, as far as parity rebuilds them.</param>
    /// <exception cref="StoreUnusableException">There is no store, it is in use, or of a newer format.</exception>
    /// <exception cref="StoreIoException">A repair met a disk that refuses; the damaged file is as it was.</exception>
    public static InspectionReport Inspect(IFileSystem files, string dataDirectory, Action<Finding> report,
        IProgress<(int Done, int Total)>? progress, bool repairs = false) =>
        Inspect(files, dataDirectory, report, progress, static (_, _) => false, repairs);

    /// <param name="isVerified">Whether exactly these bytes were found to be this segment before: a segment never changes.</param>
    internal static InspectionReport Inspect(IFileSystem files, string dataDirectory, Action<Finding> report,
        IProgress<(int Done, int Total)>? progress, Func<string, SegmentInfo, bool> isVerified, bool repairs = false)
    {
        var layout = new StoreLayout(dataDirectory);
        if (!files.FileExists(layout.Descriptor))
            throw new StoreUnusableException(StoreUnusableReason.NotAStore, $"{layout.Data} is not a store: it has no store.json");
        var descriptor = StoreDescriptor.Read(files, layout.Descriptor);
        using var held = files.TryLock(layout.Lock)
            ?? throw new StoreUnusableException(StoreUnusableReason.InUse, $"{layout.Data} is in use by another process");
        var inspection = new Inspection(files, layout, report, isVerified, repairs);
        inspection.InspectDescriptor(descriptor);
        for (var i = 0; i < descriptor.ShardCount; i++)
        {
            inspection.InspectShard(new ShardId(i));
            progress?.Report((i + 1, descriptor.ShardCount));
        }

        inspection.InspectLogs();
        return inspection.Report(descriptor.ShardCount);
    }

    private sealed class Inspection(IFileSystem files, StoreLayout layout, Action<Finding> report,
        Func<string, SegmentInfo, bool> isVerified, bool repairs)
    {
        // No claim is looked at while nobody serves: every owner there ever was has ended.
        private readonly HeaderStore _headers = new(files, layout, static (_, _) => true);
        private readonly BlockCache _cache = new(0);
        private long _segments, _segmentBytes, _entities, _changes, _damage;

        public InspectionReport Report(int shards) => new(shards, _segments, _segmentBytes, _entities, _changes, _damage);

        /// <summary>Its numbers are right, or it would not have been read; spaces and the case of names are no part of them.</summary>
        public void InspectDescriptor(StoreDescriptor descriptor)
        {
            using var file = files.OpenRead(layout.Descriptor);
            var bytes = new byte[file.Length];
            if (file.Read(0, bytes) != bytes.Length || !bytes.AsSpan().SequenceEqual(descriptor.Encode()))
                Damage(layout.Descriptor, "other bytes than were written, though they say the same");
        }

        public void InspectShard(ShardId shard)
        {
            var found = _headers.ListFiles(shard);
            foreach (var file in found)
            {
                if (file.Damage is { } damage) Damage(layout.Header(shard, file.Epoch, file.Generation), damage.Message);
            }

            var valid = found.Where(file => file.Header is not null).Select(file => file.Header!).ToImmutableArray();
            if (valid.IsEmpty && found.Length >= HeaderStore.RetainedCount) Damage(layout.Shard(shard), "no header of the shard is valid");
            var retained = valid.Take(HeaderStore.RetainedCount).ToArray();
            if (retained is [{ Generation: > 1 } only] && found.Length == 1)
                report(new Finding(Severity.Note, Relative(layout.Header(shard, only.Epoch, only.Generation)),
                    "is the only header, although it is not the first; two are kept once two were committed"));
            var seen = new HashSet<SegmentId>();
            var named = new NamedBlobs(files, layout, shard);
            foreach (var header in retained)
            {
                var trims = header == retained[0] ? new TrimInspector(header) : null;
                foreach (var info in header.Segments)
                {
                    if (seen.Add(info.Id)) InspectSegment(shard, info, named, trims);
                }

                foreach (var problem in trims?.Problems() ?? []) Damage(layout.Header(shard, header.Epoch, header.Generation), problem);
                InspectErasure(shard, header);
            }

            if (retained.Length > 0) (_entities, _changes) = (_entities + retained[0].EntityCount, _changes + retained[0].ChangeCount);
            foreach (var name in files.List(layout.Shard(shard)))
            {
                if (StoreLayout.TryParseSegment(name, out var id) && !seen.Contains(id))
                    report(new Finding(Severity.Note, Relative(layout.Segment(shard, id)), "no retained header refers to this segment"));
            }

            InspectBlobs(shard, named);
        }

        /// <summary>Every blob that there is, and those that segments name. What the log alone names is looked for when the shard serves.</summary>
        private void InspectBlobs(ShardId shard, NamedBlobs named)
        {
            var damaged = new HashSet<string>();
            foreach (var name in files.List(layout.Blobs(shard)))
            {
                if (!BlobId.TryParseFileName(name, out var id)) continue;
                foreach (var bytes in BlobCheck.Run(files, Path.Combine(layout.Blobs(shard), name), id, Found))
                    Invariant.Check(bytes > 0, "a step reads bytes");
            }

            foreach (var problem in named.Problems())
            {
                if (!damaged.Contains(problem.Path)) Found(problem);
            }

            void Found(CorruptDataException problem)
            {
                damaged.Add(problem.Path);
                Damage(problem.Path, problem.Message);
            }
        }

        public void InspectLogs()
        {
            foreach (var finding in NodeLog.Inspect(files, layout.Data, shard => NodeStore.CoverageOf(_headers.ListFiles(shard))))
            {
                if (finding.IsDamage) Damage(finding.Path, finding.Sentence);
                else report(new Finding(Severity.Note, Relative(finding.Path), finding.Sentence));
            }
        }

        private void InspectSegment(ShardId shard, SegmentInfo info, NamedBlobs named, TrimInspector? trims)
        {
            var path = layout.Segment(shard, info.Id);
            if (repairs) RepairSegment(path, info);
            try
            {
                if (!isVerified(path, info))
                {
                    using var segment = Segment.Open(files, path, info, _cache,
                        repaired => Damage(path, $"the block at byte {repaired.Offset} is damaged; its parity rebuilds it"));
                    segment.Verify(sentence => Damage(path, sentence), change =>
                    {
                        named.Add(change);
                        trims?.Add(change);
                    });
                }

                _segments++;
                _segmentBytes += info.LengthBytes;
            }
            catch (StoreException failure)
            {
                Damage(path, failure.Message);
            }
        }

        private void InspectErasure(ShardId shard, ShardHeader header)
        {
            var segments = new List<Segment>();
            try
            {
                foreach (var info in header.Segments) segments.Add(Segment.Open(files, layout.Segment(shard, info.Id), info, _cache));
                PurgeInspector.Inspect(header, segments, sentence => Damage(layout.Header(shard, header.Epoch, header.Generation), sentence));
                TrimInspector.Inspect(header, segments, sentence => Damage(layout.Header(shard, header.Epoch, header.Generation), sentence));
            }
            catch (StoreException failure) when (failure is CorruptDataException or StoreIoException)
            {
                // Told with the segment itself.
                return;
            }
            finally
            {
                foreach (var segment in segments) segment.Dispose();
            }
        }

        private void RepairSegment(string path, SegmentInfo info)
        {
            // The store's lock is held: nobody else repairs.
            var repair = new SegmentRepair(files, path, info, "closed");
            files.Delete($"{path}.closed{SegmentRepair.TemporarySuffix}");
            try
            {
                foreach (var bytes in repair.Run(rewrites: true)) Invariant.Check(bytes >= 0, "a step of a repair moves bytes");
            }
            catch (CorruptDataException)
            {
                // Nothing of it can be used, which the inspection is about to say.
                return;
            }
            catch (StoreIoException failure) when (failure.IsMissing)
            {
                // There is no such file, which the inspection is about to say.
                return;
            }

            foreach (var place in repair.Damaged)
            {
                if (!repair.IsRewritten || repair.Lost.Contains(place)) continue;
                report(new Finding(Severity.Repaired, Relative(path), $"{place.In(path)}; it was written anew"));
            }
        }

        private void Damage(string path, string sentence)
        {
            _damage++;
            report(new Finding(Severity.Damage, Relative(path), sentence));
        }

        private string Relative(string path) => Path.GetRelativePath(layout.Data, path);
    }
}
