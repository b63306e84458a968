using System.Collections.Immutable;

namespace EntityActors.Simulation.Tests.Disk;

/// <summary>What a name stands for: a file by its number, or a directory.</summary>
internal readonly record struct DirectoryEntry(long File)
{
    public static readonly DirectoryEntry Directory = new(0);

    public bool IsDirectory => File == 0;
}

/// <summary>A change of names that no sync of the directory has covered, and those before it.</summary>
/// <param name="Order">Rises with every change of names on the disk.</param>
/// <param name="Removed">Name that goes, if it still stands for the entry.</param>
/// <param name="Added">Name that comes to stand for the entry. With both it is a rename, which happens as a whole or not at all.</param>
internal sealed record UnsyncedName(long Order, string? Removed, string? Added, DirectoryEntry Entry, UnsyncedName? Before);

/// <summary>The names in a directory as programs see them and as the device holds them. Immutable.</summary>
internal sealed record DirectoryNode(
    ImmutableSortedDictionary<string, DirectoryEntry> Visible, ImmutableSortedDictionary<string, DirectoryEntry> Durable, UnsyncedName? Unsynced)
{
    private static readonly ImmutableSortedDictionary<string, DirectoryEntry> NoNames =
        ImmutableSortedDictionary.Create<string, DirectoryEntry>(StringComparer.Ordinal);

    public static readonly DirectoryNode Empty = new(NoNames, NoNames, null);

    public DirectoryNode Change(long order, string? removed, string? added, DirectoryEntry entry)
    {
        var change = new UnsyncedName(order, removed, added, entry, Unsynced);
        return this with { Visible = Apply(Visible, change), Unsynced = change };
    }

    public DirectoryNode Sync() => this with { Durable = Visible, Unsynced = null };

    /// <summary>What a power cut leaves of the names.</summary>
    public DirectoryNode Cut(CrashChoice choice)
    {
        if (Unsynced is null) return this;
        var changes = new List<UnsyncedName>();
        for (var change = Unsynced; change is not null; change = change.Before) changes.Add(change);
        var names = Durable;
        for (var i = changes.Count - 1; i >= 0; i--)
        {
            if (choice.KeepsName(changes[i].Order)) names = Apply(names, changes[i]);
        }

        return new DirectoryNode(names, names, null);
    }

    private static ImmutableSortedDictionary<string, DirectoryEntry> Apply(
        ImmutableSortedDictionary<string, DirectoryEntry> names, UnsyncedName change)
    {
        if (change.Removed is not null && names.TryGetValue(change.Removed, out var entry) && entry == change.Entry)
            names = names.Remove(change.Removed);
        return change.Added is null ? names : names.SetItem(change.Added, change.Entry);
    }
}
