namespace EntityActors.Bench;

/// <param name="Runs">Repetitions; figures are medians over them.</param>
/// <param name="Duration">Length of one measured load.</param>
/// <param name="Entities">Entities loaded before reads, queries, size, start and idle.</param>
/// <param name="DataDirectory">Where the stores live; on the disk to be measured, not in memory.</param>
internal sealed record BenchOptions(int Runs, TimeSpan Duration, int Entities, int[] Writers, string[] Stores, string DataDirectory, long Seed)
{
    public IReadOnlyList<string> StoresAmong(IReadOnlyList<string> names) =>
        Stores.Length == 0 ? names : [.. names.Where(name => Stores.Contains(name, StringComparer.OrdinalIgnoreCase))];
}
