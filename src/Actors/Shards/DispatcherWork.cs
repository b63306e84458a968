using Akka.Actor;
using Akka.Dispatch;

namespace EntityActors.Actors.Shards;

/// <summary>Runs blocking work on a dispatcher's own threads, so that the thread pool and the actors keep theirs.</summary>
internal sealed class DispatcherWork(MessageDispatcher dispatcher)
{
    /// <summary>Threads for reads and loads.</summary>
    public static DispatcherWork Reads(ActorSystem system) => new(system.Dispatchers.Lookup("entityactors.read-dispatcher"));

    /// <summary>Threads for feeds that read what is no longer in memory.</summary>
    public static DispatcherWork Feeds(ActorSystem system) => new(system.Dispatchers.Lookup("entityactors.feed-dispatcher"));

    /// <summary>Threads for blobs.</summary>
    public static DispatcherWork Blobs(ActorSystem system) => new(system.Dispatchers.Lookup("entityactors.blob-dispatcher"));

    /// <summary>Threads for claiming and opening shards and for checkpoints.</summary>
    public static DispatcherWork Checkpoints(ActorSystem system) => new(system.Dispatchers.Lookup("entityactors.checkpoint-dispatcher"));

    /// <summary>Threads for reading whole files to check them.</summary>
    public static DispatcherWork Verification(ActorSystem system) => new(system.Dispatchers.Lookup("entityactors.verify-dispatcher"));

    public Task<T> Run<T>(Func<T> work)
    {
        var done = new TaskCompletionSource<T>(TaskCreationOptions.RunContinuationsAsynchronously);
        dispatcher.Schedule(() =>
        {
            try
            {
                done.SetResult(work());
            }
            catch (Exception cause)
            {
                done.SetException(cause);
            }
        });
        return done.Task;
    }
}
