using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;

namespace EntityActors.Tests.Shared.Processes;

/// <summary>A small file system of its own in a loop-mounted image, for tests of full disks and power cuts. Unmounted and deleted on dispose.</summary>
public sealed partial class SmallFileSystem : IDisposable
{
    // _IOR('X', 125, uint32): EXT4_IOC_SHUTDOWN and XFS_IOC_GOINGDOWN are the same number and take the same flags.
    private const uint ShutdownRequest = 0x8004587D;
    private const uint FlushJournal = 1;
    private const uint DropJournal = 2;

    private readonly TempDirectory _directory = new("entityactors-disk-");
    private bool _isMounted;

    /// <param name="megabytes">Size of the image; ext4 itself takes a few of them, xfs exists from 300 on. It is sparse.</param>
    /// <param name="type">ext4 or xfs.</param>
    public SmallFileSystem(int megabytes, string type = "ext4")
    {
        try
        {
            var image = _directory.File("image");
            Run("truncate", "-s", megabytes.ToString(CultureInfo.InvariantCulture) + "M", image);
            if (type == "ext4") Run("mkfs.ext4", "-q", "-m", "0", image);
            else Run("mkfs." + type, "-q", image);
            Directory.CreateDirectory(Path);
            Run("mount", "-o", "loop", image, Path);
            _isMounted = true;
        }
        catch
        {
            _directory.Dispose();
            throw;
        }
    }

    public string Path => _directory.File("mount");

    public long FreeBytes => new DriveInfo(Path).AvailableFreeSpace;

    /// <summary>Why this machine cannot mount an image, or null when it can.</summary>
    public static string? Unavailable(int megabytes = 4, string type = "ext4")
    {
        if (!Environment.IsPrivilegedProcess) return "mounting an image needs root";
        try
        {
            using var probe = new SmallFileSystem(megabytes, type);
            return null;
        }
        catch (Exception cause) when (cause is InvalidOperationException or System.ComponentModel.Win32Exception)
        {
            return $"a {type} image cannot be mounted here: {cause.Message}";
        }
    }

    /// <summary>Takes space with a file of real bytes, leaving about <paramref name="freeBytes"/>. Returns the file's path.</summary>
    public string AddBallast(long freeBytes)
    {
        var path = System.IO.Path.Combine(Path, "ballast");
        using var file = new FileStream(path, FileMode.Append);
        var chunk = new byte[64 * 1024];
        chunk.AsSpan().Fill(0xAA);
        try
        {
            for (var left = FreeBytes - freeBytes; left > 0; left -= chunk.Length) file.Write(chunk, 0, (int)Math.Min(left, chunk.Length));
            file.Flush();
        }
        catch (IOException)
        {
            // Fuller than asked for is as good.
        }

        return path;
    }

    public void Remount(bool readOnly) => Run("mount", "-o", "remount," + (readOnly ? "ro" : "rw"), Path);

    /// <summary>A power cut: what is not on the disk is lost, and every later call fails, until <see cref="Reattach"/>.</summary>
    /// <param name="flushesJournal">Whether the file system's journal is written first, as if the power went a moment later.</param>
    public void ShutDown(bool flushesJournal)
    {
        var descriptor = Open(Path, 0, 0);
        if (descriptor < 0) throw Failure("open");
        try
        {
            var flags = flushesJournal ? FlushJournal : DropJournal;
            if (Control(descriptor, ShutdownRequest, ref flags) != 0) throw Failure("shutdown");
        }
        finally
        {
            _ = Close(descriptor);
        }
    }

    /// <summary>Unmounts and mounts again: the file system recovers, and nothing of it is cached. No file may be open.</summary>
    public void Reattach()
    {
        Run("umount", Path);
        _isMounted = false;
        Run("mount", "-o", "loop", _directory.File("image"), Path);
        _isMounted = true;
    }

    public void Dispose()
    {
        if (_isMounted) Run("umount", "--lazy", Path);
        _isMounted = false;
        _directory.Dispose();
    }

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Open(string path, int flags, int mode);

    [LibraryImport("libc", EntryPoint = "close")]
    private static partial int Close(int descriptor);

    [LibraryImport("libc", EntryPoint = "ioctl", SetLastError = true)]
    private static partial int Control(int descriptor, nuint request, ref uint argument);

    private static InvalidOperationException Failure(string call)
    {
        var errno = Marshal.GetLastPInvokeError();
        return new InvalidOperationException($"{call}: {Marshal.GetPInvokeErrorMessage(errno)} (errno {errno})");
    }

    private static void Run(string program, params string[] arguments)
    {
        var info = new ProcessStartInfo(program) { UseShellExecute = false, RedirectStandardError = true, RedirectStandardOutput = true };
        foreach (var argument in arguments) info.ArgumentList.Add(argument);
        using var process = Process.Start(info)!;
        var error = process.StandardError.ReadToEnd() + process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        if (process.ExitCode != 0) throw new InvalidOperationException($"{program} {string.Join(' ', arguments)}: {error.Trim()}");
    }
}
