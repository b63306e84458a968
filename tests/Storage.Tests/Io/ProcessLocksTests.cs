using System.Globalization;
using System.Text;
using EntityActors.Storage.Io;
using EntityActors.Storage.Model;
using EntityActors.Tests.Shared;
using EntityActors.Tests.Shared.Faults;
using Xunit;

namespace EntityActors.Storage.Tests.Io;

/// <summary>Only the end of exactly that process on this boot of this machine is proved; whatever else happens to the files proves nothing.</summary>
public sealed class ProcessLocksTests : IDisposable
{
    private const string Machine = "boot-1";
    private const int NotDone = 5;
    private static readonly ProcessIdentity Process = new("akka.tcp://entityactors@127.0.0.1:4053", 1_234_567);

    private readonly TempDirectory _directory = new();
    private readonly ProcessLocks _locks;

    public ProcessLocksTests() => _locks = Over(PosixFileSystem.Instance);

    private string LocksDirectory => _directory.File("processes");

    private string LockPath => Path.Combine(LocksDirectory, Process.Uid.ToString("x16", CultureInfo.InvariantCulture) + ".lock");

    public void Dispose() => _directory.Dispose();

    [Fact]
    public void A_process_that_lives_holds_its_lock_and_one_that_ended_in_order_leaves_none()
    {
        Assert.Equal(ProcessLockState.Missing, _locks.Look(Process));
        using (_locks.Hold(Process))
        {
            Assert.Equal(ProcessLockState.Held, _locks.Look(Process));
            Assert.Equal(ProcessLockState.Held, _locks.Look(Process));
            Assert.Equal([Path.GetFileName(LockPath)], Names());
        }

        Assert.Equal(ProcessLockState.Missing, _locks.Look(Process));
        Assert.Empty(Names());
    }

    [Fact]
    public void A_released_lock_proves_the_death_of_that_start_alone_as_often_as_it_is_asked_for()
    {
        LeaveDead();
        Assert.Equal(ProcessLockState.Released, _locks.Look(Process));
        Assert.Equal(ProcessLockState.Released, _locks.Look(Process));
        // The next start at the same address.
        Assert.Equal(ProcessLockState.Missing, _locks.Look(Process with { Uid = Process.Uid + 1 }));
    }

    [Fact]
    public void A_file_that_says_anything_else_proves_nothing()
    {
        LeaveDead();
        var content = File.ReadAllText(LockPath);
        Assert.Equal(ProcessLockState.Foreign, _locks.Look(Process with { Address = "akka.tcp://entityactors@127.0.0.1:4054" }));
        // A lock of another machine, or of this one before it was started again: its locks are not ours.
        Assert.Equal(ProcessLockState.Foreign, new ProcessLocks(PosixFileSystem.Instance, LocksDirectory, "boot-2").Look(Process));
        foreach (var other in new[] { "", content[..^1], content + "\n", content + content, content.Replace("4567", "4568", StringComparison.Ordinal) })
        {
            File.WriteAllText(LockPath, other);
            Assert.Equal(ProcessLockState.Foreign, _locks.Look(Process));
        }

        File.WriteAllText(LockPath, content);
        Assert.Equal(ProcessLockState.Released, _locks.Look(Process));
    }

    [Fact]
    public void A_lock_file_deleted_under_a_living_process_proves_nothing_and_looking_does_not_make_one()
    {
        using var held = _locks.Hold(Process);
        File.Delete(LockPath);
        Assert.Equal(ProcessLockState.Missing, _locks.Look(Process));
        Assert.Empty(Names());
    }

    [Fact]
    public void What_was_locked_is_what_is_read_whatever_takes_its_name_meanwhile()
    {
        using var held = _locks.Hold(Process);
        var aside = LockPath + "-aside";
        File.Move(LockPath, aside);
        File.WriteAllText(LockPath, "something else\n");
        var files = new HookedFileSystem(PosixFileSystem.Instance);
        files.Before = (call, _) =>
        {
            if (call == FileCall.Read) File.Move(aside, LockPath, overwrite: true);
        };
        // The lock of that file and the content of this one together would be a false proof.
        Assert.Equal(ProcessLockState.Foreign, Over(files).Look(Process));
        Assert.Equal(ProcessLockState.Held, _locks.Look(Process));
    }

    [Fact]
    public void A_lock_is_never_seen_without_its_holder_or_half_written()
    {
        var files = new HookedFileSystem(PosixFileSystem.Instance);
        var seen = new HashSet<ProcessLockState>();
        var calls = 0;
        files.Before = (_, _) =>
        {
            calls++;
            seen.Add(_locks.Look(Process));
        };
        using (Over(files).Hold(Process)) seen.Add(_locks.Look(Process));
        Assert.True(calls >= 8, $"{calls} calls");
        Assert.Equal([ProcessLockState.Missing, ProcessLockState.Held], seen.Order());
    }

    [Fact]
    public void A_process_that_cannot_say_who_it_is_leaves_no_proof_of_its_death_while_it_lives()
    {
        for (var failing = 0; ; failing++)
        {
            var files = new HookedFileSystem(PosixFileSystem.Instance);
            var call = 0;
            files.Before = (_, path) =>
            {
                if (call++ == failing) throw new StoreIoException("call", path, NotDone, "the disk refused");
            };
            IDisposable held;
            try
            {
                held = Over(files).Hold(Process);
            }
            catch (StoreIoException failure)
            {
                Assert.Equal(NotDone, failure.ErrorNumber);
                Assert.NotEqual(ProcessLockState.Released, _locks.Look(Process));
                _locks.RemoveReleased(_ => false);
                Assert.Empty(Names());
                continue;
            }

            Assert.True(failing >= 8, $"{failing} calls");
            files.Before = null;
            held.Dispose();
            return;
        }
    }

    [Fact]
    public void A_lock_that_cannot_be_removed_goes_on_being_held()
    {
        var files = new HookedFileSystem(PosixFileSystem.Instance);
        var held = Over(files).Hold(Process);
        files.Before = (_, path) => throw new StoreIoException("unlink", path, NotDone, "the disk refused");
        held.Dispose();
        Assert.Equal(ProcessLockState.Held, _locks.Look(Process));
    }

    [Fact]
    public void A_file_system_whose_locks_exclude_nobody_is_refused()
    {
        // Seen from the holder, the second one that gets the lock is a file at the same place that nobody has locked.
        var files = new HookedFileSystem(PosixFileSystem.Instance);
        files.Before = (call, path) =>
        {
            if (call != FileCall.Lock || path != LockPath) return;
            var content = Content(path);
            File.Delete(path);
            File.WriteAllText(path, content);
        };
        var failure = Assert.Throws<StoreIoException>(() => Over(files).Hold(Process));
        Assert.Contains("two holders", failure.Message, StringComparison.Ordinal);
        Assert.Equal(ProcessLockState.Missing, _locks.Look(Process));
    }

    [Fact]
    public void Only_locks_of_dead_processes_that_nobody_asks_about_are_removed()
    {
        LeaveDead();
        var other = Process with { Uid = 2 };
        using var held = _locks.Hold(other);
        File.WriteAllText(Path.Combine(LocksDirectory, "notes"), "");
        _locks.RemoveReleased(uid => uid == Process.Uid);
        Assert.Equal(ProcessLockState.Released, _locks.Look(Process));
        _locks.RemoveReleased(_ => false);
        Assert.Equal(ProcessLockState.Missing, _locks.Look(Process));
        Assert.Equal(ProcessLockState.Held, _locks.Look(other));
        Assert.Equal(2, Names().Count);
    }

    private ProcessLocks Over(IFileSystem files) => new(files, LocksDirectory, Machine);

    private IReadOnlyList<string> Names() => PosixFileSystem.Instance.List(LocksDirectory);

    /// <summary>What a killed process leaves: its file, without the lock.</summary>
    private void LeaveDead()
    {
        var held = _locks.Hold(Process);
        var content = Content(LockPath);
        held.Dispose();
        File.WriteAllText(LockPath, content);
    }

    /// <summary>Read without a lock: .NET would ask for one.</summary>
    private static string Content(string path)
    {
        using var file = PosixFileSystem.Instance.OpenRead(path);
        var bytes = new byte[file.Length];
        file.Read(0, bytes);
        return Encoding.UTF8.GetString(bytes);
    }
}
