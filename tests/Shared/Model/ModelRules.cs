using System.Collections.Immutable;

namespace EntityActors.Tests.Shared.Model;

/// <summary>The store's rules once more, as the HTTP contract tells them and without the store's code.</summary>
public static class ModelRules
{
    /// <summary>What the operation does to a state, or null when the store must refuse it.</summary>
    public static ModelDelta? Apply(ModelState? before, long revisionBefore, Operation operation)
    {
        var isLive = before is { IsDeleted: false };
        if (operation.IfMatch is { } expected && !(isLive && expected == revisionBefore)) return null;
        if (operation.IfAbsent && isLive) return null;
        var held = before?.Tags ?? [];
        switch (operation.Kind)
        {
            case OperationKind.Put:
                var content = ModelState.Canonical(operation.ContentJson);
                var put = new ModelState(false, Sort(operation.Add), content is null ? null : ModelState.JsonType, content);
                return Delta(before, put, setsContent: content is not null);
            case OperationKind.PatchTags when isLive:
                var kept = held.Except(operation.Remove.Except(operation.Add)).Union(operation.Add);
                return Delta(before, before! with { Tags = Sort(kept) }, setsContent: false);
            case OperationKind.PutContent when isLive:
                var text = ModelState.Canonical($"\"{Convert.ToBase64String(operation.ContentBytes!)}\"");
                return Delta(before, before! with { ContentType = ModelState.BytesType, Content = text }, setsContent: true);
            case OperationKind.Delete when isLive:
                return Delta(before, before! with { IsDeleted = true }, setsContent: false);
            case OperationKind.Restore when before is { IsDeleted: true }:
                return Delta(before, before with { IsDeleted = false }, setsContent: false);
            default:
                return null;
        }
    }

    private static ModelDelta Delta(ModelState? before, ModelState after, bool setsContent)
    {
        var held = before?.Tags ?? [];
        return new ModelDelta(Sort(after.Tags.Except(held)), Sort(held.Except(after.Tags)),
            LifecycleChanged: (before?.IsDeleted ?? false) != after.IsDeleted, setsContent, after);
    }

    private static ImmutableArray<string> Sort(IEnumerable<string> tags) => [.. tags.Distinct().Order(StringComparer.Ordinal)];
}
