using System.Numerics;
using EntityActors.Storage.Model;

namespace EntityActors.Simulation.Tests.Model;

/// <summary>State of an entity as its commands say it must be, computed without the store's own rules.</summary>
internal sealed record ModelState(long Revision, Lifecycle Lifecycle, Timestamp CreatedAt, Timestamp UpdatedAt, Timestamp RecordedAt,
    string[] Tags, long ContentRevision, Content? Content)
{
    /// <summary>The state after a command that the store accepted as this change.</summary>
    public static ModelState After(ModelState? before, EntityCommand command, Change change)
    {
        var tags = before?.Tags ?? [];
        var content = before?.Content;
        var contentRevision = before?.ContentRevision ?? 0;
        var lifecycle = before?.Lifecycle ?? Lifecycle.Active;
        var revision = (before?.Revision ?? 0) + 1;
        switch (command)
        {
            case PutEntity put:
                tags = Sorted(put.Tags.Select(tag => tag.Text));
                if (put.Content is not null || content is not null) contentRevision = revision;
                content = put.Content;
                lifecycle = Lifecycle.Active;
                break;
            case ChangeTags edit:
                tags = Sorted(tags.Except(edit.Remove.Select(tag => tag.Text)).Union(edit.Add.Select(tag => tag.Text)));
                break;
            case PutContent put:
                (content, contentRevision) = (put.Content, revision);
                break;
            case DeleteEntity:
                lifecycle = Lifecycle.Deleted;
                break;
            case RestoreEntity:
                lifecycle = Lifecycle.Active;
                break;
            case ArchiveEntity:
                lifecycle = Lifecycle.Archived;
                break;
            case PurgeEntity:
                return new ModelState(revision, Lifecycle.Purged, change.At, change.At, change.RecordedAt, [], 0, null);
            default:
                throw new InvalidOperationException($"unknown command {command.GetType()}");
        }

        return new ModelState(revision, lifecycle, before?.CreatedAt ?? change.At, change.At, change.RecordedAt, tags, contentRevision, content);
    }

    /// <summary>What differs, or null.</summary>
    public static string? Difference(ModelState? expected, EntityHead? actual)
    {
        if (expected is null || actual is null) return expected is null == actual is null ? null : $"revision {actual?.Revision ?? 0}, not {expected?.Revision ?? 0}";
        if (expected.Revision != actual.Revision) return $"revision {actual.Revision}, not {expected.Revision}";
        if (expected.Lifecycle != actual.Lifecycle) return $"lifecycle {actual.Lifecycle}, not {expected.Lifecycle}";
        if ((expected.CreatedAt, expected.UpdatedAt, expected.RecordedAt) != (actual.CreatedAt, actual.UpdatedAt, actual.RecordedAt))
            return $"times {actual.CreatedAt}/{actual.UpdatedAt}/{actual.RecordedAt}, not {expected.CreatedAt}/{expected.UpdatedAt}/{expected.RecordedAt}";
        if (!expected.Tags.SequenceEqual(actual.Tags.Select(tag => tag.Text))) return $"tags {string.Join(',', actual.Tags)}, not {string.Join(',', expected.Tags)}";
        return (expected.ContentRevision, expected.Content?.ContentType, (long)(expected.Content?.Bytes.Length ?? 0))
            == (actual.ContentRevision, actual.ContentType, actual.ContentLength)
            ? null
            : $"content of revision {actual.ContentRevision}, {actual.ContentType}, {actual.ContentLength} bytes, not of {expected.ContentRevision}";
    }

    private static string[] Sorted(IEnumerable<string> tags) => [.. tags.Distinct().Order(StringComparer.Ordinal)];
}

/// <summary>One change that the store accepted, the command it came from, and the state it leads to.</summary>
internal sealed record ModelChange(EntityCommand Command, Change Change, ModelState After)
{
    /// <summary>Goes on with the hash of a history. A command's id is drawn once, and its time tells two acceptances of it apart.</summary>
    public ulong Digest(ulong before) =>
        (BitOperations.RotateLeft(before, 29) ^ (ulong)Command.Id.Value ^ (ulong)(Command.Id.Value >> 64) ^ (ulong)Change.RecordedAt.Nanoseconds) * 0x9E3779B97F4A7C15;
}
