using EntityActors.Actors.Transfers;
using EntityActors.Storage.Model;

namespace EntityActors.Actors.Protocol;

/// <summary>A request of an asker who can fetch a large answer. Answers: those of the request, bare or in a <see cref="ShardAnswer"/>.</summary>
/// <remarks>
/// Between nodes it holds the request itself, or tells where to fetch it when it is large. A bare <see cref="ExecuteCommand"/> crosses the wire in the
/// same form, so a command of any size may be sent as it is.
/// </remarks>
/// <param name="TakesReference">Whether the asker understands a <see cref="ShardAnswer"/>.</param>
public sealed record ShardCall(ShardId Shard, Carried Body, bool TakesReference) : IShardRequest
{
    /// <summary>What to send for a request: itself, when its answer is always small.</summary>
    public static IShardRequest For(IShardRequest request) =>
        request is GetEntity { WithContent: true } or GetHistory or FindEntities { Limit: > 0 } or ListTags or GetChanges or VerifyShard
            ? new ShardCall(request.Shard, new Carried.Whole(request), TakesReference: true)
            : request;
}

/// <summary>An answer that may be large, to an asker who sent a <see cref="ShardCall"/>.</summary>
public sealed record ShardAnswer(ShardId Shard, Carried Body)
{
    // Where it arrived; null in the process that made it.
    private readonly ContentTransfers? _transfers;

    internal ShardAnswer(ShardId shard, Carried body, ContentTransfers transfers)
        : this(shard, body) => _transfers = transfers;

    /// <summary>The answer itself: what is not in an envelope as it is, what is elsewhere once it was fetched from there.</summary>
    /// <returns>A <see cref="ShardFault"/> when it could not be fetched.</returns>
    public static Task<object> WholeAsync(object answer, CancellationToken cancellation) => answer switch
    {
        ShardAnswer { Body: Carried.Whole whole } => Task.FromResult(whole.Message),
        ShardAnswer { Body: Carried.Elsewhere away, _transfers: { } transfers } envelope => transfers.FetchAsync(envelope.Shard, away, cancellation),
        _ => Task.FromResult(answer),
    };
}

/// <summary>What an envelope carries.</summary>
public abstract record Carried
{
    private Carried()
    {
    }

    /// <summary>The message, in this process.</summary>
    public sealed record Whole(object Message) : Carried;

    /// <summary>The message's bytes, on the wire.</summary>
    internal sealed record Packed(PackedKind Kind, string Manifest, ReadOnlyMemory<byte> Bytes) : Carried;

    /// <summary>The message's bytes are kept by the node that sent it, until they were fetched or for some seconds.</summary>
    /// <param name="Owner">Path of the actor that gives them out.</param>
    /// <param name="Checksum">CRC-32C of all bytes.</param>
    internal sealed record Elsewhere(string Owner, UInt128 Id, int Length, uint Checksum, PackedKind Kind, string Manifest) : Carried;
}

/// <summary>Which serializer a carried message has.</summary>
internal enum PackedKind
{
    Protocol = 1,
    Administration = 2,
}

/// <summary>Send these bytes of a message. Answers: <see cref="TransferChunk"/> or <see cref="TransferGone"/>.</summary>
internal sealed record FetchChunk(UInt128 Id, int Offset, int Length);

internal sealed record TransferChunk(UInt128 Id, int Offset, ReadOnlyMemory<byte> Bytes);

/// <summary>There is no such message here, any more or at all, or it has no such bytes.</summary>
internal sealed record TransferGone(UInt128 Id);
