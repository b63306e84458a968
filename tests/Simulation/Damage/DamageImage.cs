using System.Globalization;

namespace EntityActors.Simulation.Tests.Damage;

/// <summary>One way to damage a disk: kind, file and place. Its text replays it.</summary>
internal readonly record struct DamageImage(DamageKind Kind, string Path, long At)
{
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Kind}:{At}:{Path}").ToLowerInvariant();

    public static DamageImage Parse(string text)
    {
        var parts = text.Split(':', 3);
        return new DamageImage(Enum.Parse<DamageKind>(parts[0], ignoreCase: true), parts[2], long.Parse(parts[1], CultureInfo.InvariantCulture));
    }
}
