namespace EntityActors.Simulation.Tests.Disk;

/// <summary>A write or change of length that no sync has covered, and those before it. Its bytes are read from the content after it.</summary>
/// <param name="Count">Bytes written; 0 for a change of length.</param>
internal sealed record UnsyncedWrite(long Offset, int Count, FileContent After, UnsyncedWrite? Before);

/// <summary>A file as programs see it, as the device holds it, and what lies between. Immutable.</summary>
internal sealed record FileNode(FileContent Visible, FileContent Durable, UnsyncedWrite? Unsynced)
{
    public static readonly FileNode Empty = new(FileContent.Empty, FileContent.Empty, null);

    /// <summary>Whether a failed sync has thrown writes away that programs still see.</summary>
    public bool HasLostWrites { get; private init; }

    /// <summary>Whether the device holds what programs see.</summary>
    public bool IsDurable => Unsynced is null && IsClean;

    public FileNode Write(long offset, ReadOnlySpan<byte> bytes)
    {
        var after = Visible.Write(offset, bytes);
        return this with { Visible = after, Unsynced = new UnsyncedWrite(offset, bytes.Length, after, Unsynced) };
    }

    public FileNode Resize(long length)
    {
        var after = Visible.Resize(length);
        return this with { Visible = after, Unsynced = new UnsyncedWrite(length, 0, after, Unsynced) };
    }

    public FileNode Sync() => this with { Durable = AllKept(), Unsynced = null };

    /// <summary>A sync that fails and marks the pages clean: a later one succeeds and stores nothing of them.</summary>
    public FileNode LoseUnsynced() => Unsynced is null ? this : this with { Unsynced = null, HasLostWrites = true };

    /// <summary>What a power cut leaves of the file.</summary>
    public FileNode Cut(CrashChoice choice, Func<byte[]> staleSector)
    {
        if (Unsynced is null) return IsClean ? this : Stored(Durable);
        if (choice.KeepsAllData) return Stored(AllKept());
        return choice.KeepsNoData ? Stored(Durable) : Stored(Torn(choice, staleSector));
    }

    private bool IsClean => ReferenceEquals(Visible, Durable);

    private static FileNode Stored(FileContent content) => new(content, content, null);

    private FileContent AllKept()
    {
        if (!HasLostWrites) return Visible;
        var content = Durable;
        foreach (var write in Oldest()) content = Apply(content, write);
        return content;
    }

    private FileContent Torn(CrashChoice choice, Func<byte[]> staleSector)
    {
        var writes = Oldest();
        var length = choice.Length(Durable.Length, [.. writes.Select(write => write.After.Length)]);
        var content = Durable.Resize(length);
        if (length > Durable.Length && choice.ShowsStaleSectors)
        {
            for (var at = AlignUp(Durable.Length); at < length; at += FileContent.SectorBytes)
                content = content.Write(at, staleSector().AsSpan(0, (int)Math.Min(FileContent.SectorBytes, length - at)));
        }

        var sector = new byte[FileContent.SectorBytes];
        foreach (var write in writes)
        {
            if (write.Count == 0 || !choice.TouchesWrite()) continue;
            for (var at = write.Offset; at < Math.Min(write.Offset + write.Count, length);)
            {
                var end = Math.Min(AlignUp(at + 1), Math.Min(write.Offset + write.Count, length));
                if (choice.KeepsSector())
                {
                    var bytes = sector.AsSpan(0, (int)(end - at));
                    _ = write.After.Read(at, bytes);
                    content = content.Write(at, bytes);
                }

                at = end;
            }
        }

        return content;
    }

    private List<UnsyncedWrite> Oldest()
    {
        var writes = new List<UnsyncedWrite>();
        for (var write = Unsynced; write is not null; write = write.Before) writes.Add(write);
        writes.Reverse();
        return writes;
    }

    private static FileContent Apply(FileContent content, UnsyncedWrite write)
    {
        if (write.Count == 0) return content.Resize(write.After.Length);
        var bytes = new byte[write.Count];
        _ = write.After.Read(write.Offset, bytes);
        return content.Write(write.Offset, bytes);
    }

    private static long AlignUp(long offset) => (offset + FileContent.SectorBytes - 1) / FileContent.SectorBytes * FileContent.SectorBytes;
}
