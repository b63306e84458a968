using EntityActors.Storage.CommitLog;
using EntityActors.Storage.Io;
using EntityActors.Storage.Model;
using EntityActors.Tests.Shared;
using EntityActors.Tests.Shared.Faults;
using EntityActors.Tests.Shared.Processes;
using Xunit;

namespace EntityActors.Storage.Tests.CommitLog;

/// <summary>A log whose start fails, whatever call of it fails, leaves no lock, no open file and no thread behind.</summary>
[Collection(nameof(WholeProcess))]
public sealed class StartFailureTests
{
    [Fact]
    public void Whatever_call_fails_while_a_log_starts_nothing_of_it_is_left_in_the_process()
    {
        var failed = 0;
        for (var failing = 1; ; failing++)
        {
            using var directory = new TempDirectory();
            var locks = new List<string>();
            var calls = 0;
            var files = new HookedFileSystem(PosixFileSystem.Instance);
            files.Before = (call, path) =>
            {
                if (call == FileCall.Lock) lock (locks) locks.Add(path);
                // The clean-up works with the same disk, so only the one call fails.
                if (Interlocked.Increment(ref calls) == failing) throw HookedFileSystem.Failure(path);
            };
            try
            {
                using var log = NodeLog.Open(files, directory.Path, "node", LogProcess.Small, TimeProvider.System);
                break;
            }
            catch (StoreIoException)
            {
                failed++;
            }

            foreach (var path in locks)
            {
                using var held = PosixFileSystem.Instance.TryLock(path);
                Assert.True(held is not null, $"{path} is locked after call {failing} failed");
                // A thread that was joined has done its work, and is gone from the system's list a moment later.
                var log = Path.GetFileName(Path.GetDirectoryName(path))!;
                Assert.True(SpinWait.SpinUntil(() => !HasThread(log), TimeSpan.FromSeconds(10)), $"a thread is left after call {failing} failed");
            }

            Assert.Empty(OpenFiles.Below(directory.Path));
        }

        // Directories, lock, first file, clock and the times of others: fewer would mean that the start was not reached.
        Assert.True(failed >= 10, $"{failed} calls");
    }

    /// <summary>Whether the log's thread is there. The system keeps the beginning of its name, which ends in the log's id.</summary>
    private static bool HasThread(string log)
    {
        foreach (var task in Directory.GetDirectories("/proc/self/task"))
        {
            try
            {
                var name = File.ReadAllText(Path.Combine(task, "comm")).Trim();
                if (name.Length > "commit-log-".Length && $"commit-log-{log}".StartsWith(name, StringComparison.Ordinal)) return true;
            }
            catch (IOException)
            {
                // The thread has ended since it was listed.
                continue;
            }
        }

        return false;
    }
}

/// <summary>Tests that look at the threads of the process: no others run beside them.</summary>
[CollectionDefinition(nameof(WholeProcess), DisableParallelization = true)]
public sealed class WholeProcess;
