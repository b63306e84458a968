using EntityActors.Simulation.Tests.Disk;

namespace EntityActors.Simulation.Tests.Owners;

/// <summary>A call of one of several processes, before it takes effect.</summary>
/// <param name="Path">What it is made on; of a rename the old name.</param>
/// <param name="NewPath">The new name of a rename.</param>
internal readonly record struct OwnerCall(DiskCallKind Kind, string Path, string? NewPath = null)
{
    public override string ToString() => NewPath is null ? $"{Kind} {Path}" : $"{Kind} {Path} {NewPath}";
}

/// <summary>What a call looks at or changes: names, listings, bytes or locks of one kind of file.</summary>
internal readonly record struct CallResource(char Part, FileKind Kind, string Owner)
{
    /// <summary>What the call touches. Syncs touch nothing that another process could see: they matter to power cuts only.</summary>
    public static IEnumerable<(CallResource Resource, bool IsChange)> Of(OwnerCall call)
    {
        switch (call.Kind)
        {
            case DiskCallKind.Open or DiskCallKind.Look:
                yield return (At('n', call.Path), false);
                break;
            case DiskCallKind.List:
                yield return (At('l', call.Path), false);
                break;
            case DiskCallKind.Create or DiskCallKind.MakeDirectory or DiskCallKind.Link or DiskCallKind.Delete or DiskCallKind.DeleteDirectory:
                yield return (At('n', call.Path), true);
                yield return (At('l', Path.GetDirectoryName(call.Path)!), true);
                break;
            case DiskCallKind.Rename:
                yield return (At('n', call.Path), true);
                yield return (At('n', call.NewPath!), true);
                yield return (At('l', Path.GetDirectoryName(call.Path)!), true);
                break;
            case DiskCallKind.Lock:
                yield return (At('k', call.Path), true);
                break;
            case DiskCallKind.Read when !IsPublishedWhole(call.Path):
                yield return (At('d', call.Path), false);
                break;
            case DiskCallKind.Write or DiskCallKind.SetLength when !IsPublishedWhole(call.Path):
                yield return (At('d', call.Path), true);
                break;
            default:
                break;
        }
    }

    /// <summary>Files that are complete before a name leads anybody to them: reads of their bytes come after the writes whatever the order of calls.</summary>
    private static bool IsPublishedWhole(string path) => CallPlace.KindOf(path) is FileKind.Segment or FileKind.Header or FileKind.HeaderTemporary
        or FileKind.Claim or FileKind.ClaimTemporary or FileKind.Opened or FileKind.OpenedTemporary;

    private static CallResource At(char part, string path)
    {
        // A log's files belong to a node, all others to a shard or to all.
        var parts = path.Split('/');
        return new CallResource(part, CallPlace.KindOf(path), parts.Length > 3 ? parts[3] : "");
    }
}
