using System.Diagnostics;
using System.Globalization;

namespace EntityActors.Tests.Shared.Processes;

/// <summary>A small ext4 file system of its own in a loop-mounted image, for tests of full disks. Unmounted and deleted on dispose.</summary>
public sealed class SmallFileSystem : IDisposable
{
    private readonly TempDirectory _directory = new("entityactors-disk-");
    private bool _isMounted;

    /// <param name="megabytes">Size of the image; ext4 itself takes a few of them.</param>
    public SmallFileSystem(int megabytes)
    {
        try
        {
            var image = _directory.File("image");
            Run("truncate", "-s", megabytes.ToString(CultureInfo.InvariantCulture) + "M", image);
            Run("mkfs.ext4", "-q", "-m", "0", image);
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
    public static string? Unavailable()
    {
        if (!Environment.IsPrivilegedProcess) return "mounting an image needs root";
        try
        {
            using var probe = new SmallFileSystem(4);
            return null;
        }
        catch (Exception cause) when (cause is InvalidOperationException or System.ComponentModel.Win32Exception)
        {
            return $"an ext4 image cannot be mounted here: {cause.Message}";
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

    public void Dispose()
    {
        if (_isMounted) Run("umount", "--lazy", Path);
        _isMounted = false;
        _directory.Dispose();
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
