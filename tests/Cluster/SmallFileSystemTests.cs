using EntityActors.Tests.Shared.Processes;
using Xunit;

namespace EntityActors.Cluster.Tests;

public sealed class SmallFileSystemTests
{
    [SkippableFact]
    public void Ballast_fills_the_disk_and_its_removal_frees_it()
    {
        var reason = SmallFileSystem.Unavailable();
        Skip.If(reason is not null, reason);
        using var disk = new SmallFileSystem(16);
        var ballast = disk.AddBallast(freeBytes: 0);
        Assert.InRange(disk.FreeBytes, 0, 64 * 1024);
        Assert.Throws<IOException>(() => File.WriteAllBytes(Path.Combine(disk.Path, "more"), new byte[1024 * 1024]));
        File.Delete(ballast);
        Assert.True(disk.FreeBytes > 4 * 1024 * 1024);
    }
}
