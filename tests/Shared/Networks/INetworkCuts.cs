namespace EntityActors.Tests.Shared.Networks;

/// <summary>Cuts between nodes.</summary>
public interface INetworkCuts
{
    /// <summary>Drops what <paramref name="from"/> sends to <paramref name="to"/> (indexes of nodes).</summary>
    Task CutAsync(int from, int to);

    Task HealAsync();
}
