using EntityActors.Storage.Fuzz.Engine;

namespace EntityActors.Storage.Fuzz.Decoders;

/// <summary>Every decoder of bytes from disk or wire, by name.</summary>
internal static class DecoderTable
{
    public static IReadOnlyList<Decoder> All { get; } =
        [.. FormatDecoders.All(), .. LogDecoders.All(), .. SegmentDecoders.All(), .. ProtocolDecoders.All(), .. HttpDecoders.All()];

    /// <exception cref="ArgumentException">There is no such decoder.</exception>
    public static IReadOnlyList<Decoder> Named(string names)
    {
        if (names == "all") return All;
        return [.. names.Split(',').Select(name => All.FirstOrDefault(decoder => decoder.Name == name)
            ?? throw new ArgumentException($"no decoder is named '{name}'; there are {string.Join(' ', All.Select(static decoder => decoder.Name))}"))];
    }
}
