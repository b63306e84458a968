using System.Collections.Immutable;

namespace EntityActors.Storage.Model;

/// <summary>Commands for different entities of one shard that take effect together or not at all, at one moment.</summary>
/// <param name="Operations">
/// At least one. All carry the same command id, author and time: those of the transaction. Each has a condition of its own, which is compared with the
/// entity as it was before the transaction.
/// </param>
public sealed record EntityTransaction(ImmutableArray<EntityCommand> Operations)
{
    public const int OperationCountMax = 100;

    /// <summary>Most bytes of contents and tags of all operations.</summary>
    public const int BytesMax = 8 * 1024 * 1024;

    public CommandId Id => Operations[0].Id;

    public string Author => Operations[0].Author;

    public Timestamp? At => Operations[0].At;

    /// <summary>What is wrong with it whatever the state of its entities, and the index of the operation that shows it; null when nothing is.</summary>
    public (int Operation, RefusalCode Code, string Detail)? Problem(EntityLimits limits)
    {
        if (Operations.Length > OperationCountMax)
            return (OperationCountMax, RefusalCode.Invalid, $"a transaction has at most {OperationCountMax} operations");
        var keys = new HashSet<EntityKey>();
        var bytes = 0L;
        for (var i = 0; i < Operations.Length; i++)
        {
            var operation = Operations[i];
            if (EntityRules.Problem(operation, limits) is { } problem) return (i, problem.Code, problem.Detail);
            if ((operation.Id, operation.Author, operation.At) != (Id, Author, At))
                return (i, RefusalCode.Invalid, "the operations of a transaction have one command id, one author and one time");
            if (!keys.Add(operation.Key)) return (i, RefusalCode.Invalid, $"{operation.Key} is in the transaction twice");
            if (operation is PurgeEntity) return (i, RefusalCode.Invalid, "a purge stands alone, in no transaction");
            if (operation.Blob is not null) return (i, RefusalCode.Invalid, "a transaction holds its contents itself");
            bytes += BytesOf(operation);
            if (bytes > BytesMax) return (i, RefusalCode.ContentTooLarge, $"a transaction has at most {BytesMax} bytes of contents and tags");
        }

        return null;
    }

    private static long BytesOf(EntityCommand operation) => operation switch
    {
        PutEntity put => BytesOf(put.Tags) + (put.Content?.Bytes.Length ?? 0),
        ChangeTags tags => BytesOf(tags.Add) + BytesOf(tags.Remove),
        PutContent content => content.Content.Bytes.Length,
        _ => 0,
    };

    private static long BytesOf(ImmutableArray<Tag> tags)
    {
        var bytes = 0L;
        foreach (var tag in tags) bytes += System.Text.Encoding.UTF8.GetByteCount(tag.Text);
        return bytes;
    }
}
