using System.Text;
using Akka.Cluster;
using EntityActors.Actors.Cluster;
using EntityActors.Storage.Io;

namespace EntityActors.Actors.Tests.Cluster;

internal static class DeadProcess
{
    /// <summary>What a killed process leaves: its file, without the lock.</summary>
    public static void Leave(ProcessLocks locks, string directory, UniqueAddress node)
    {
        var before = Directory.Exists(directory) ? Directory.GetFiles(directory) : [];
        string path, content;
        using (locks.Hold(DeathWatcher.IdentityOf(node)))
        {
            path = Directory.GetFiles(directory).Except(before).Single();
            // Read without a lock: .NET would ask for one.
            using var file = PosixFileSystem.Instance.OpenRead(path);
            var bytes = new byte[file.Length];
            file.Read(0, bytes);
            content = Encoding.UTF8.GetString(bytes);
        }

        // Whole at once: somebody may be looking.
        File.WriteAllText(path + "-left", content);
        File.Move(path + "-left", path);
    }
}
