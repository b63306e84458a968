using EntityActors.Storage.Model;

namespace EntityActors.Actors.Persistence;

/// <summary>An event that carries the fencing token of the owner that wrote it, as every write of the journal must.</summary>
public interface IFencedEvent
{
    Epoch Epoch { get; }
}
