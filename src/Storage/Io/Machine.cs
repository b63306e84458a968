namespace EntityActors.Storage.Io;

/// <summary>The machine that this process runs on.</summary>
internal static class Machine
{
    private const string BootIdPath = "/proc/sys/kernel/random/boot_id";

    /// <summary>Drawn by the kernel at each boot: two processes that read the same one share the kernel's file locks.</summary>
    /// <exception cref="IOException">It cannot be read.</exception>
    public static string BootId { get; } = File.ReadAllText(BootIdPath).Trim();
}
