using EntityActors.Storage.Model;

namespace EntityActors.Storage.Shards;

/// <summary>A damaged place that was met, as a sentence.</summary>
/// <param name="Shard">Null when the bytes belong to several shards, as those of a log do.</param>
/// <param name="IsRepaired">Answers are right all the same: the bytes were rebuilt, or something else stands in for them.</param>
public sealed record DamageReport(ShardId? Shard, string Path, long Offset, string Sentence, bool IsRepaired);
