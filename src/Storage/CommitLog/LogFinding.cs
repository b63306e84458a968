namespace EntityActors.Storage.CommitLog;

/// <summary>One thing that is strange about a stored file, as a sentence.</summary>
/// <param name="IsDamage">False for what a crash may leave behind and nothing is lost by.</param>
public sealed record LogFinding(string Path, string Sentence, bool IsDamage);
