namespace EntityActors.Simulation.Tests.Disk;

/// <summary>Bytes of a file as an immutable table of pages. A changed copy shares the pages it did not touch; null is a page of zeros.</summary>
internal sealed class FileContent
{
    public const int SectorBytes = 512;

    private const int PageBytes = 4096;

    public static readonly FileContent Empty = new([], 0);

    private static long _lastVersion;

    private readonly byte[]?[] _pages;

    private FileContent(byte[]?[] pages, long length) => (_pages, Length) = (pages, length);

    public long Length { get; }

    /// <summary>Another number for every content ever made in this process.</summary>
    public long Version { get; } = Interlocked.Increment(ref _lastVersion);

    public int Read(long offset, Span<byte> target)
    {
        var count = (int)Math.Clamp(Length - offset, 0, target.Length);
        for (var done = 0; done < count;)
        {
            var (page, start) = Place(offset + done);
            var part = Math.Min(count - done, PageBytes - start);
            if (_pages[page] is { } bytes) bytes.AsSpan(start, part).CopyTo(target[done..]);
            else target.Slice(done, part).Clear();
            done += part;
        }

        return count;
    }

    public FileContent Write(long offset, ReadOnlySpan<byte> source)
    {
        var length = Math.Max(Length, offset + source.Length);
        var pages = CopyTable(length);
        for (var done = 0; done < source.Length;)
        {
            var (page, start) = Place(offset + done);
            var part = source.Slice(done, Math.Min(source.Length - done, PageBytes - start));
            if (part.Length == PageBytes && !part.ContainsAnyExcept((byte)0))
            {
                pages[page] = null;
            }
            else
            {
                var changed = new byte[PageBytes];
                pages[page]?.CopyTo(changed.AsSpan());
                part.CopyTo(changed.AsSpan(start));
                pages[page] = changed;
            }

            done += part.Length;
        }

        return new FileContent(pages, length);
    }

    public FileContent Resize(long length)
    {
        if (length == Length) return this;
        var pages = CopyTable(length);
        var (last, end) = Place(length);
        if (length < Length && end > 0 && pages[last] is { } cut)
        {
            // What lies past the end must read as zeros when the file grows again.
            var kept = new byte[PageBytes];
            cut.AsSpan(0, end).CopyTo(kept);
            pages[last] = kept;
        }

        return new FileContent(pages, length);
    }

    private byte[]?[] CopyTable(long length)
    {
        var pages = new byte[]?[(length + PageBytes - 1) / PageBytes];
        Array.Copy(_pages, pages, Math.Min(_pages.Length, pages.Length));
        return pages;
    }

    private static (int Page, int Start) Place(long offset) => ((int)(offset / PageBytes), (int)(offset % PageBytes));
}
