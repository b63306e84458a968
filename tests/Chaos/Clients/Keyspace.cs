namespace EntityActors.Chaos.Clients;

/// <summary>
/// The entities of a run: one family of few hot ones and many families of cold ones. A tag of a family is held by none but its
/// entities, so a query for it says something about each of them.
/// </summary>
public static class Keyspace
{
    public const int HotCount = 4;
    public const int ColdFamilyCount = 40;
    public const int ColdFamilySize = 10;
    public const int ValueCount = 4;

    public const int FamilyCount = ColdFamilyCount + 1;

    /// <summary>Family 0 is the hot one.</summary>
    public static IReadOnlyList<string> IdsOf(int family) => family == 0
        ? [.. Enumerable.Range(0, HotCount).Select(static i => $"hot-{i}")]
        : [.. Enumerable.Range(0, ColdFamilySize).Select(i => $"cold {family}/#{i}")];

    public static string Tag(int family, int value) => $"f{family}:{value}";

    public static IEnumerable<string> AllIds => Enumerable.Range(0, FamilyCount).SelectMany(IdsOf);

    public static IEnumerable<string> AllTags =>
        Enumerable.Range(0, FamilyCount).SelectMany(static family => Enumerable.Range(0, ValueCount).Select(value => Tag(family, value)));
}
