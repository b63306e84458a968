namespace EntityActors.Bench.Takeover;

/// <param name="Kind">What happens to one node in each repetition.</param>
/// <param name="HoconFile">Over the built-in settings of every node; null for none.</param>
/// <param name="DataDirectory">Where the store lives; on the disk to be measured.</param>
/// <param name="Pace">How long the client of each shard rests between two writes.</param>
internal sealed record TakeoverOptions(TakeoverKind Kind, int Nodes, int Shards, int Repetitions, string? HoconFile, string DataDirectory, TimeSpan Pace);
