using System.Collections.Immutable;

namespace EntityActors.Storage.Model;

/// <summary>The event of a shard: changes that become durable together, under one sequence number.</summary>
/// <param name="Epoch">Fencing token of the owner that wrote it.</param>
/// <param name="Sequence">Its place in the shard's journal; each of its changes carries it too.</param>
/// <param name="Changes">At least one; recorded times strictly rise.</param>
public sealed record ChangeBatch(Epoch Epoch, SequenceNumber Sequence, ImmutableArray<Change> Changes);
