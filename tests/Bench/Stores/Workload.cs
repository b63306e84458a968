using System.Text;

namespace EntityActors.Bench.Stores;

/// <summary>Entities made from a seed before the clock runs, so that the load costs the measured process little.</summary>
internal sealed class Workload
{
    public const int ContentBytes = 200;
    public const int SmallGroup = 10;
    public const int LargeGroup = 1_000;
    private const int ContentPoolBytes = 1024 * 1024;
    private readonly byte[] _contentPool;

    public Workload(long seed)
    {
        // Text of 64 letters: real content compresses somewhat, random bytes would not.
        var random = new Random((int)seed);
        const string letters = "abcdefghijklmnopqrstuvwxyz ABCDEFGHIJKLMNOPQRSTUVWXYZ .,:-_/0123";
        _contentPool = Encoding.ASCII.GetBytes(random.GetItems<char>(letters, ContentPoolBytes));
    }

    public BenchEntity[] Make(int first, int count)
    {
        var entities = new BenchEntity[count];
        string small = "", large = "";
        for (var i = 0; i < count; i++)
        {
            var n = first + i;
            if (i == 0 || n % SmallGroup == 0) small = SmallTag(n / SmallGroup);
            if (i == 0 || n % LargeGroup == 0) large = LargeTag(n / LargeGroup);
            string[] tags = [small, large, Common("kind", n % 8), Common("area", n % 50), Common("user", n % 500)];
            entities[i] = new BenchEntity(IdOf(n), tags, _contentPool.AsMemory((int)(n * 31L % (ContentPoolBytes - ContentBytes)), ContentBytes));
        }

        return entities;
    }

    /// <summary>16 characters; neighbours are far apart, as ids usually are.</summary>
    public static string IdOf(int n) => ((ulong)n * 0x9E3779B97F4A7C15).ToString("x16");

    /// <summary>A tag that ten entities hold.</summary>
    public static string SmallTag(int group) => $"small:{group:D14}";

    /// <summary>A tag that a thousand entities hold.</summary>
    public static string LargeTag(int group) => $"large:{group:D14}";

    private static string Common(string name, int value) => string.Intern($"{name}:{value:D15}");
}
