using System.Runtime.InteropServices;

namespace EntityActors.Storage.Io;

/// <summary>An open file descriptor. Disposing while a read is in flight is the caller's error: segments count their readers.</summary>
internal sealed class PosixFile(string path, int descriptor) : IStoreFile
{
    private const int SeekEnd = 2;
    private int _descriptor = descriptor;

    public string Path { get; } = path;

    public long Length
    {
        get
        {
            var end = Posix.LSeek(Descriptor, 0, SeekEnd);
            return end < 0 ? throw Posix.Failure("lseek", Path) : end;
        }
    }

    private int Descriptor => _descriptor >= 0 ? _descriptor : throw new ObjectDisposedException(Path);

    public unsafe int Read(long offset, Span<byte> buffer)
    {
        var done = 0;
        fixed (byte* start = buffer)
        {
            while (done < buffer.Length)
            {
                var count = Posix.PRead(Descriptor, start + done, buffer.Length - done, offset + done);
                if (count == 0) break;
                if (count > 0) done += (int)count;
                else if (Marshal.GetLastPInvokeError() != Posix.Interrupted) throw Posix.Failure("pread", Path);
            }
        }

        return done;
    }

    public unsafe void Write(long offset, ReadOnlySpan<byte> bytes)
    {
        var done = 0;
        fixed (byte* start = bytes)
        {
            while (done < bytes.Length)
            {
                var count = Posix.PWrite(Descriptor, start + done, bytes.Length - done, offset + done);
                if (count > 0) done += (int)count;
                else if (count == 0 || Marshal.GetLastPInvokeError() != Posix.Interrupted) throw Posix.Failure("pwrite", Path);
            }
        }
    }

    public void SetLength(long length)
    {
        if (Posix.FTruncate(Descriptor, length) != 0) throw Posix.Failure("ftruncate", Path);
    }

    public void SyncData()
    {
        if (Posix.FDataSync(Descriptor) != 0) throw Posix.Failure("fdatasync", Path);
    }

    // A hint may fail: then the bytes that memory holds are checked.
    public void DropCached(long offset, long count) => _ = Posix.FAdvise(Descriptor, offset, count, Posix.DoNotNeed);

    public void Dispose()
    {
        var descriptor = Interlocked.Exchange(ref _descriptor, -1);
        if (descriptor >= 0) _ = Posix.Close(descriptor);
    }
}
