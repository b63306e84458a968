using EntityActors.Storage.Model;

namespace EntityActors.Storage.CommitLog;

/// <summary>One durable event as read back; the epoch is the one it stands under in the log.</summary>
public sealed record LogEvent(SequenceNumber Sequence, Epoch Epoch, ReadOnlyMemory<byte> Body);
