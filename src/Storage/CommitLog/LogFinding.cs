namespace EntityActors.Storage.CommitLog;

/// <summary>One thing that is wrong with a stored file, as a sentence.</summary>
public sealed record LogFinding(string Path, string Sentence);
