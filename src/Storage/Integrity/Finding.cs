namespace EntityActors.Storage.Integrity;

/// <summary>How bad a finding is.</summary>
public enum Severity
{
    /// <summary>Worth knowing; nothing is lost: a torn tail, a file that nothing refers to.</summary>
    Note = 1,

    /// <summary>Stored bytes are wrong.</summary>
    Damage = 2,

    /// <summary>Stored bytes were wrong and are as they were before.</summary>
    Repaired = 3,
}

/// <summary>One thing the inspector found, as a sentence.</summary>
/// <param name="Path">File or directory, relative to the data directory where it lies inside it.</param>
public sealed record Finding(Severity Severity, string Path, string Sentence);

/// <summary>What an inspection read.</summary>
public sealed record InspectionReport(int Shards, long Segments, long SegmentBytes, long Entities, long Changes, long DamageCount);
