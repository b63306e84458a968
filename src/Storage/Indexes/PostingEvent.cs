using EntityActors.Storage.Model;

namespace EntityActors.Storage.Indexes;

/// <summary>At these times the entity with this ordinal got or lost a tag.</summary>
internal readonly record struct PostingEvent(uint Ordinal, Timestamp At, Timestamp RecordedAt, bool Added);
