using System.IO.Hashing;
using System.Numerics;

namespace EntityActors.Simulation.Tests.Disk;

/// <summary>Bytes of a file as an immutable table of pages. A changed copy shares the pages it did not touch; null is a page of zeros.</summary>
internal sealed class FileContent
{
    public const int SectorBytes = 512;

    private const int PageBytes = 4096;

    public static readonly FileContent Empty = new([], 0);

    private readonly Page?[] _pages;
    private ulong _digest;

    private FileContent(Page?[] pages, long length) => (_pages, Length) = (pages, length);

    public long Length { get; }

    /// <summary>Hash of length and bytes: equal for equal contents, however they came about. Each page is hashed once in its life.</summary>
    public ulong Digest
    {
        get
        {
            if (_digest != 0) return _digest;
            var hash = (ulong)Length + 1;
            foreach (var page in _pages) hash = BitOperations.RotateLeft((hash ^ (page?.Digest ?? 0)) * 0x9E3779B97F4A7C15, 29);
            return _digest = hash == 0 ? 1 : hash;
        }
    }

    public int Read(long offset, Span<byte> target)
    {
        var count = (int)Math.Clamp(Length - offset, 0, target.Length);
        for (var done = 0; done < count;)
        {
            var (page, start) = Place(offset + done);
            var part = Math.Min(count - done, PageBytes - start);
            if (_pages[page] is { } held) held.Bytes.AsSpan(start, part).CopyTo(target[done..]);
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
            done += part.Length;
            var isZero = !part.ContainsAnyExcept((byte)0);
            if (isZero && pages[page] is null) continue;
            if (isZero && part.Length == PageBytes)
            {
                pages[page] = null;
                continue;
            }

            var changed = new byte[PageBytes];
            pages[page]?.Bytes.CopyTo(changed.AsSpan());
            part.CopyTo(changed.AsSpan(start));
            pages[page] = new Page(changed);
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
            cut.Bytes.AsSpan(0, end).CopyTo(kept);
            pages[last] = new Page(kept);
        }

        return new FileContent(pages, length);
    }

    private Page?[] CopyTable(long length)
    {
        var pages = new Page?[(length + PageBytes - 1) / PageBytes];
        Array.Copy(_pages, pages, Math.Min(_pages.Length, pages.Length));
        return pages;
    }

    private static (int Page, int Start) Place(long offset) => ((int)(offset / PageBytes), (int)(offset % PageBytes));

    private sealed class Page(byte[] bytes)
    {
        private ulong _digest;
        private bool _isDigested;

        public byte[] Bytes { get; } = bytes;

        /// <summary>0 for zeros, which is what a page that is not there counts as.</summary>
        public ulong Digest
        {
            get
            {
                if (_isDigested) return _digest;
                _digest = Bytes.AsSpan().ContainsAnyExcept((byte)0) ? XxHash3.HashToUInt64(Bytes) | 1 : 0;
                _isDigested = true;
                return _digest;
            }
        }
    }
}
