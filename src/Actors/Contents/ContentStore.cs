using EntityActors.Actors.Client;
using EntityActors.Actors.Protocol;
using EntityActors.Actors.Shards;
using EntityActors.Storage.Blobs;
using EntityActors.Storage.Model;

namespace EntityActors.Actors.Contents;

/// <summary>Streams content into blobs and out of them; the shard's owner decides about the change that names one.</summary>
/// <param name="damaged">Told of blobs that cannot be read as they were written.</param>
internal sealed class ContentStore(IEntityStore store, IBlobStore blobs, DispatcherWork work, ContentLimits limits, ClientLimits client,
    TimeProvider time, Action<ShardId, CorruptDataException> damaged) : IContentStore
{
    // An owner that has claimed the shard and does not serve it yet refuses what was written for it; it serves within seconds.
    private const int PublishCountMax = 100;
    private static readonly TimeSpan PublishDelay = TimeSpan.FromMilliseconds(100);

    private readonly CallCredits _uploads = new(limits.UploadCountMax, "uploads", client);
    private readonly CallCredits _downloads = new(limits.DownloadCountMax, "contents", client);

    public async Task<CommandResult> PutAsync(ContentUpload upload, Stream bytes, long? length, CancellationToken cancellation)
    {
        if (EntityRules.Problem(upload.With(new Content(upload.ContentType, default)), store.Limits) is { } problem)
            return Refused(problem.Code, problem.Detail);
        if (length > BlobReference.LengthMax) return TooLarge();
        var inlineMax = Math.Min(limits.InlineBytesMax, store.Limits.ContentBytesMax);
        if (length > inlineMax) return await PutBlobAsync(upload, default, bytes, cancellation);
        var head = await HeadAsync(bytes, inlineMax, cancellation);
        return head.Length <= inlineMax
            ? await store.ExecuteAsync(upload.With(new Content(upload.ContentType, head)), cancellation)
            : await PutBlobAsync(upload, head, bytes, cancellation);
    }

    public async Task<Stream> OpenAsync(EntitySnapshot entity)
    {
        var content = entity.Content ?? Content.Cleared;
        if (content.Blob is not { } blob) return new MemoryStream(content.Bytes.ToArray(), writable: false);
        var (key, shard) = (entity.Head.Key, entity.Head.Key.ShardOf(store.ShardCount));
        var credit = _downloads.Take();
        try
        {
            return new BlobStream(await work.Run(() => blobs.Open(shard, key, blob)), work, cause => Lost(shard, cause), credit);
        }
        catch (Exception cause)
        {
            credit.Dispose();
            if (cause is CorruptDataException or StoreIoException) throw Lost(shard, (StoreException)cause);
            throw;
        }
    }

    /// <summary>The stream's bytes, or one more than fit.</summary>
    private static async Task<ReadOnlyMemory<byte>> HeadAsync(Stream bytes, int bytesMax, CancellationToken cancellation)
    {
        using var head = new MemoryStream();
        var piece = new byte[16 * 1024];
        while (head.Length <= bytesMax)
        {
            var count = await bytes.ReadAsync(piece.AsMemory(0, (int)Math.Min(piece.Length, bytesMax + 1 - head.Length)), cancellation);
            if (count == 0) break;
            await head.WriteAsync(piece.AsMemory(0, count), cancellation);
        }

        return head.ToArray();
    }

    private async Task<CommandResult> PutBlobAsync(ContentUpload upload, ReadOnlyMemory<byte> head, Stream bytes, CancellationToken cancellation)
    {
        using var credit = _uploads.Take();
        var shard = upload.Key.ShardOf(store.ShardCount);
        try
        {
            using var blob = await work.Run(() => blobs.Begin(shard, upload.Key));
            using var rest = new MemoryStream(head.ToArray(), writable: false);
            if (!await TakeAsync(blob, rest, cancellation) || !await TakeAsync(blob, bytes, cancellation)) return TooLarge();
            await RunAsync(blob.Finish);
            return await CommitAsync(upload, shard, blob, cancellation);
        }
        catch (StoreIoException failure)
        {
            throw new StoreUnavailableException(shard, failure.Message, failure.IsOutOfSpace, client.RetryDelayMax);
        }
    }

    /// <returns>False when there is more than a blob may hold.</returns>
    private async Task<bool> TakeAsync(IBlobUpload blob, Stream bytes, CancellationToken cancellation)
    {
        using var stall = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        while (true)
        {
            if (blob.Free.IsEmpty) await RunAsync(blob.Flush);
            var count = await ReadAsync(bytes, blob.Free, stall, cancellation);
            if (count == 0) return true;
            blob.Advance(count);
            if (blob.Length > BlobReference.LengthMax) return false;
        }
    }

    private async Task<int> ReadAsync(Stream bytes, Memory<byte> buffer, CancellationTokenSource stall, CancellationToken cancellation)
    {
        stall.CancelAfter(limits.StallTimeout);
        try
        {
            return await bytes.ReadAsync(buffer, stall.Token);
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            throw new ContentStalledException(limits.StallTimeout);
        }
    }

    /// <summary>Sends the command that names the blob; when another owner has come meanwhile, again under a name that this one accepts.</summary>
    private async Task<CommandResult> CommitAsync(ContentUpload upload, ShardId shard, IBlobUpload blob, CancellationToken cancellation)
    {
        BlobReference? before = null;
        for (var i = 0; i < PublishCountMax; i++)
        {
            var reference = await work.Run(blob.Publish);
            var isNew = reference != before;
            before = reference;
            try
            {
                var result = await store.ExecuteAsync(upload.With(new Content(upload.ContentType, default) { Blob = reference }), cancellation);
                if (result is not CommandResult.Refused { Refusal.Code: RefusalCode.BlobNotAccepted }) return result;
            }
            catch (OutcomeUnknownException) when (isNew && !cancellation.IsCancellationRequested)
            {
                // The command id settles it, but the next owner accepts only a blob of its own epoch.
                continue;
            }

            await Task.Delay(PublishDelay, time, cancellation);
        }

        throw new StoreUnavailableException(shard, "the shard does not accept the blob", isStorageFull: false, client.RetryDelayMax);
    }

    private Task<bool> RunAsync(Action action) => work.Run(() =>
    {
        action();
        return true;
    });

    private StoreException Lost(ShardId shard, StoreException cause)
    {
        if (cause is not CorruptDataException damage) return new StoreUnavailableException(shard, cause.Message, isStorageFull: false, client.RetryDelayMax);
        damaged(shard, damage);
        return new EntityCorruptedException(shard, damage.Message);
    }

    private static CommandResult.Refused TooLarge() => Refused(RefusalCode.ContentTooLarge, $"content is at most {BlobReference.LengthMax} bytes");

    private static CommandResult.Refused Refused(RefusalCode code, string detail) => new(new Refusal(code, detail, ActualRevision: 0));
}
