using EntityActors.Storage.Model;

namespace EntityActors.Storage.Shards;

/// <summary>Which header of a shard: no two of them share an epoch and a generation.</summary>
public readonly record struct HeaderName(Epoch Epoch, long Generation) : IComparable<HeaderName>
{
    public int CompareTo(HeaderName other) => Epoch != other.Epoch ? Epoch.CompareTo(other.Epoch) : Generation.CompareTo(other.Generation);

    public override string ToString() => $"{Epoch}.{Generation}";
}
