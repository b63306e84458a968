using Akka.Actor;
using EntityActors.Actors.Protocol;
using EntityActors.Storage.Model;

namespace EntityActors.Actors.Transfers;

/// <summary>Fetch a message from the node that keeps it.</summary>
/// <param name="Deliver">Given the message, or a <see cref="ShardFault"/> that says why there is none. Must not throw.</param>
internal sealed record Fetch(ShardId Shard, Carried.Elsewhere Message, Action<object> Deliver) : INoSerializationVerificationNeeded;

/// <summary>A message that is being fetched: its chunks are asked for and arrive in order.</summary>
internal sealed class RunningFetch(ShardId shard, Carried.Elsewhere message, SendingNode sender, long now)
{
    private byte[]? _bytes;
    private int _received;

    public ShardId Shard { get; } = shard;

    public Carried.Elsewhere Message { get; } = message;

    public SendingNode Sender { get; } = sender;

    /// <summary>Who waits for it: a call that was sent twice is fetched once.</summary>
    public List<Action<object>> Waiting { get; } = [];

    public long StartedAt { get; } = now;

    public long ProgressAt { get; private set; } = now;

    public bool IsBegun => _bytes is not null;

    /// <summary>Bytes asked for so far.</summary>
    public int Asked { get; private set; }

    /// <summary>Chunks asked for and not yet there.</summary>
    public int Outstanding { get; private set; }

    public bool IsAsked => Asked == Message.Length;

    public bool IsComplete => _received == Message.Length;

    public ReadOnlyMemory<byte> Bytes => _bytes;

    public void Begin() => _bytes = new byte[Message.Length];

    public FetchChunk Ask(int chunkBytes, long now)
    {
        if (Outstanding == 0) ProgressAt = now;
        var chunk = new FetchChunk(Message.Id, Asked, Math.Min(chunkBytes, Message.Length - Asked));
        Asked += chunk.Length;
        Outstanding++;
        return chunk;
    }

    /// <returns>False when it is not the chunk that is due.</returns>
    public bool TryTake(TransferChunk chunk, int chunkBytes, long now)
    {
        if (Outstanding == 0 || chunk.Offset != _received || chunk.Bytes.Length != Math.Min(chunkBytes, Message.Length - _received)) return false;
        chunk.Bytes.CopyTo(_bytes.AsMemory(_received));
        _received += chunk.Bytes.Length;
        Outstanding--;
        ProgressAt = now;
        return true;
    }
}

/// <summary>What is fetched from one node: first come, first served, within one window.</summary>
internal sealed class SendingNode(string path, IActorRef actor)
{
    public string Path { get; } = path;

    public IActorRef Actor { get; } = actor;

    /// <summary>Fetches that have not asked for all their chunks.</summary>
    public LinkedList<RunningFetch> Queue { get; } = [];

    /// <summary>Fetches under way or waiting.</summary>
    public int FetchCount { get; set; }

    /// <summary>Chunks asked for and not yet there, of all its fetches.</summary>
    public int Outstanding { get; set; }
}
