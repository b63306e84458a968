using EntityActors.Actors.Client;
using EntityActors.Actors.Protocol;
using EntityActors.Storage.Model;

namespace EntityActors.Actors.Contents;

/// <summary>Content of entities as streams, of any size up to <see cref="BlobReference.LengthMax"/>. In nodes of the store only. Thread-safe.</summary>
/// <remarks>
/// Small content goes into its change as with <see cref="IEntityStore.ExecuteAsync(EntityCommand, CancellationToken)"/>; larger content into a blob
/// first, and the change names it: it becomes visible in one moment, with one revision, under the same conditions and command ids as any write.
/// Errors are those of <see cref="IEntityStore"/>.
/// </remarks>
public interface IContentStore
{
    /// <summary>Replaces the content of an active entity. Reads the stream to its end, in pieces of 64 KiB.</summary>
    /// <param name="length">Bytes of the stream when they are known.</param>
    /// <exception cref="ContentStalledException">The stream gave nothing for longer than it may.</exception>
    /// <returns>Committed once blob and change are durable; refused also when there are more bytes than may be.</returns>
    Task<CommandResult> PutAsync(ContentUpload upload, Stream bytes, long? length, CancellationToken cancellation);

    /// <summary>The content of this entity as it was read, as a stream that can seek. To be disposed.</summary>
    /// <exception cref="EntityCorruptedException">The blob is missing or damaged; from reading the stream also, at the damaged block.</exception>
    Task<Stream> OpenAsync(EntitySnapshot entity);
}

/// <summary>An upload ended because nothing more came. Nothing was applied.</summary>
public sealed class ContentStalledException(TimeSpan silence) : StoreException($"nothing more of the content came for {silence.TotalSeconds:0} s");

/// <summary>What is said of content that is about to be streamed.</summary>
/// <param name="Id">Kept across retries, which send the same bytes.</param>
/// <param name="ContentType">Media type, up to 255 bytes.</param>
public sealed record ContentUpload(EntityKey Key, CommandId Id, string Author, RevisionCondition Condition, string ContentType)
{
    public PutContent With(Content content) => new(Key, Id, Author, At: null, Condition, content);
}
