using System.Collections.Immutable;
using System.Globalization;
using EntityActors.Host.Http;
using EntityActors.Storage.Model;

namespace EntityActors.Host.EntityDb;

/// <summary>Tags as EntityDB's clients write them, and those that its server adds by itself.</summary>
internal static class EdbTags
{
    public const string DatasetDefault = "default";
    private const string DatasetPrefix = "dataset:";
    private const string TypePrefix = "type:";
    private const string ContentTypePrefix = "content:type:";
    private const string LifecyclePrefix = "lifecycle:";

    /// <summary>What the server says of an entity once, and a client that sends all tags anew need not send.</summary>
    private static readonly string[] Kept = ["created_at:", "created_by:", "uuid:", DatasetPrefix];

    /// <summary>A tag without the time before it, which clients send back as they got it.</summary>
    public static string Plain(string tag)
    {
        var bar = tag.IndexOf('|', StringComparison.Ordinal);
        return bar > 0 && tag.AsSpan(0, bar).IndexOfAnyExceptInRange('0', '9') < 0 ? tag[(bar + 1)..] : tag;
    }

    /// <exception cref="ApiProblem">400: no tag of this store.</exception>
    public static ImmutableArray<string> Read(IEnumerable<string> given)
    {
        var tags = ImmutableArray.CreateBuilder<string>();
        foreach (var text in given)
        {
            var tag = Plain(text);
            if (Tag.Problem(tag) is { } problem) throw ApiProblem.Invalid($"Invalid tag '{tag}': {problem}");
            tags.Add(tag);
        }

        return tags.ToImmutable();
    }

    /// <summary>The dataset that a new entity names; null when it names none.</summary>
    public static string? DatasetOf(ImmutableArray<string> tags) =>
        tags.FirstOrDefault(static tag => tag.StartsWith(DatasetPrefix, StringComparison.Ordinal))?[DatasetPrefix.Length..];

    public static string TypeOf(ImmutableArray<Tag> tags) => Value(tags, TypePrefix) ?? "entity";

    public static string? Value(ImmutableArray<Tag> tags, string prefix)
    {
        foreach (var tag in tags)
        {
            if (tag.Text.StartsWith(prefix, StringComparison.Ordinal)) return tag.Text[prefix.Length..];
        }

        return null;
    }

    public static ImmutableArray<Tag> ForNew(ImmutableArray<string> given, EntityKey key, string author, Timestamp now, string? contentType)
    {
        var tags = given.Where(static tag => !IsOwn(tag) && !tag.StartsWith(DatasetPrefix, StringComparison.Ordinal)).ToHashSet(StringComparer.Ordinal);
        if (!tags.Any(static tag => tag.StartsWith(TypePrefix, StringComparison.Ordinal))) tags.Add(TypePrefix + "entity");
        tags.Add(DatasetPrefix + key.Dataset);
        tags.Add("uuid:" + key.Id);
        tags.Add("created_at:" + now.Nanoseconds.ToString(CultureInfo.InvariantCulture));
        tags.Add("created_by:" + author);
        if (contentType is not null) tags.Add(ContentTypePrefix + contentType);
        return [.. tags.Select(static tag => new Tag(tag))];
    }

    /// <summary>All tags after an update: those given, or those held when none are given.</summary>
    /// <exception cref="ApiProblem">400: the dataset of an entity stays.</exception>
    public static ImmutableArray<Tag> ForUpdate(ImmutableArray<string>? given, EntityHead before, string? contentType)
    {
        var held = before.Tags.Select(static tag => tag.Text);
        if (given is { } all && DatasetOf(all) is { } dataset && dataset != before.Key.Dataset)
            throw ApiProblem.Invalid($"Entity {before.Key.Id} is of dataset {before.Key.Dataset}, which cannot change");
        var tags = (given is { } sent ? sent.Where(static tag => !IsOwn(tag)) : held).ToHashSet(StringComparer.Ordinal);
        tags.UnionWith(held.Where(static tag => Kept.Any(prefix => tag.StartsWith(prefix, StringComparison.Ordinal))));
        if (contentType is not null)
        {
            tags.RemoveWhere(static tag => tag.StartsWith(ContentTypePrefix, StringComparison.Ordinal));
            tags.Add(ContentTypePrefix + contentType);
        }
        else
        {
            tags.UnionWith(held.Where(static tag => tag.StartsWith(ContentTypePrefix, StringComparison.Ordinal)));
        }

        return [.. tags.Select(static tag => new Tag(tag))];
    }

    /// <summary>What is shown of an entity that is not active, as EntityDB keeps it in tags.</summary>
    public static IEnumerable<string> OfLifecycle(EntityHead head) => head.Lifecycle switch
    {
        Lifecycle.Deleted => ["lifecycle:state:soft_deleted", $"lifecycle:deleted_at:{head.UpdatedAt.Nanoseconds}"],
        Lifecycle.Archived => ["lifecycle:state:archived"],
        _ => [],
    };

    private static bool IsOwn(string tag) => tag.StartsWith(LifecyclePrefix, StringComparison.Ordinal)
        || tag.StartsWith("created_at:", StringComparison.Ordinal) || tag.StartsWith("created_by:", StringComparison.Ordinal)
        || tag.StartsWith("uuid:", StringComparison.Ordinal);
}
