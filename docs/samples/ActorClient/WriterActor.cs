using System.Text;
using Akka.Actor;
using EntityActors.Actors.Protocol;
using EntityActors.Storage.Model;

namespace EntityActors.Samples.ActorClient;

/// <summary>Puts a number of entities, some at once, reads each one back, and says what became of it.</summary>
public sealed class WriterActor : ReceiveActor
{
    private const int ParallelMax = 8;
    private const string Dataset = "sample";

    private readonly IActorRef _region;
    private readonly int _count;
    private readonly TaskCompletionSource<bool> _done;
    private int _shardCount;
    private int _begun;
    private int _ended;
    private int _failed;

    /// <param name="region">The store's shard region: of a node, of a client member, or what stands for it outside the cluster.</param>
    /// <param name="count">Entities to put.</param>
    /// <param name="done">Completed at the end; false when something failed.</param>
    public WriterActor(IActorRef region, int count, TaskCompletionSource<bool> done)
    {
        (_region, _count, _done) = (region, count, done);
        Receive<RequestEnd.Answered>(OnAnswered);
        Receive<RequestEnd.NotApplied>(end => OnFailed(end, $"not applied: {end.Reason}"));
        Receive<RequestEnd.Unknown>(end => OnFailed(end, "the outcome is unknown"));
        Receive<RequestEnd.Failed>(end => OnFailed(end, end.Reason));
    }

    public static Props PropsFor(IActorRef region, int count, TaskCompletionSource<bool> done) => Props.Create(() => new WriterActor(region, count, done));

    // An entity's shard depends on how many there are, which any shard knows.
    protected override void PreStart() => Begin(new DescribeStore(new ShardId(0)));

    private void OnAnswered(RequestEnd.Answered end)
    {
        switch (end.Answer)
        {
            case StoreDescription store:
                _shardCount = store.ShardCount;
                while (_begun < Math.Min(ParallelMax, _count)) BeginNext();
                break;
            case CommandCommitted { Commit: var commit }:
                Console.WriteLine($"{commit.Key} is revision {commit.Revision} at {commit.At} after {end.Tries} tries{(commit.Duplicate ? ", of which an earlier one was applied" : "")}");
                Begin(new GetEntity(end.Request.Shard, commit.Key, AsOf: null, WithContent: true));
                break;
            case CommandRefused { Refusal: var refusal }:
                OnFailed(end, $"refused: {refusal.Code}: {refusal.Detail}");
                break;
            case EntityFound { Entity: { } entity }:
                Console.WriteLine($"{entity.Head.Key} reads {Encoding.UTF8.GetString(entity.Content!.Bytes.Span)}");
                OnEnded();
                break;
            case var other:
                OnFailed(end, $"an answer of type {other.GetType().Name}");
                break;
        }
    }

    private void OnFailed(RequestEnd end, string reason)
    {
        Console.WriteLine($"{end.Request} failed after {end.Tries} tries: {reason}");
        _failed++;
        OnEnded();
    }

    private void OnEnded()
    {
        if (++_ended >= _count || _shardCount == 0) _done.TrySetResult(_failed == 0);
        else if (_begun < _count) BeginNext();
    }

    private void BeginNext()
    {
        var key = new EntityKey(Dataset, $"order-{_begun++}");
        var content = new Content("text/plain", Encoding.UTF8.GetBytes(key.Id));
        // The command id is made once, here; every try carries it.
        Begin(new ExecuteCommand(key.ShardOf(_shardCount), new PutEntity(
            key, CommandId.New(), Author: "sample", At: null, Condition: default, TagSet.Normalize([new Tag("type:order")]), content)));
    }

    private void Begin(IShardRequest request) => Context.ActorOf(RequestActor.PropsFor(_region, request));
}
