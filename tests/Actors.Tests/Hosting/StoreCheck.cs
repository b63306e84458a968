using System.Collections.Immutable;
using EntityActors.Storage.Integrity;
using EntityActors.Storage.Io;
using EntityActors.Storage.Model;
using EntityActors.Storage.Segments;
using EntityActors.Storage.Shards;
using Xunit;

namespace EntityActors.Actors.Tests.Hosting;

/// <summary>Reads the files of a store beside the node that wrote them.</summary>
internal static class StoreCheck
{
    /// <summary>Every byte of the closed store is right, and every header counts exactly what its segments hold.</summary>
    /// <param name="notesAllowed">Whether files may have been left over that nothing refers to.</param>
    public static void AssertSound(string directory, IEnumerable<ShardId> shards, bool notesAllowed)
    {
        var findings = new List<Finding>();
        StoreInspector.Inspect(PosixFileSystem.Instance, directory, findings.Add, null);
        Assert.DoesNotContain(findings, finding => !notesAllowed || finding.Severity == Severity.Damage);
        var layout = new StoreLayout(directory);
        foreach (var header in shards.SelectMany(shard => Headers(directory, shard)))
        {
            var (entities, tags, changes) = (0L, 0L, 0L);
            foreach (var info in header.Segments)
            {
                using var segment = Segment.Open(PosixFileSystem.Instance, layout.Segment(header.Shard, info.Id), info, new BlockCache(0));
                foreach (var entity in segment.ReadAll())
                {
                    if (entity.Before is null) entities++;
                    foreach (var change in entity.Changes)
                    {
                        changes++;
                        tags += change.Added.Length - change.Removed.Length;
                    }
                }
            }

            Assert.Equal((header.EntityCount, header.TagCount, header.ChangeCount), (entities, tags, changes));
        }
    }

    /// <summary>Names in the shard's directory but for its two newest headers, their segments and the claims.</summary>
    public static IReadOnlyList<string> StrayFiles(string directory, ShardId shard)
    {
        var layout = new StoreLayout(directory);
        var needed = new HashSet<string> { "epoch" };
        foreach (var header in Headers(directory, shard).Take(HeaderStore.RetainedCount))
        {
            needed.Add(Path.GetFileName(layout.Header(shard, header.Epoch, header.Generation)));
            foreach (var segment in header.Segments) needed.Add(Path.GetFileName(layout.Segment(shard, segment.Id)));
        }

        return [.. PosixFileSystem.Instance.List(layout.Shard(shard)).Where(name => !needed.Contains(name))];
    }

    private static ImmutableArray<ShardHeader> Headers(string directory, ShardId shard) =>
        new HeaderStore(PosixFileSystem.Instance, new StoreLayout(directory), static (_, _) => true).List(shard);
}
