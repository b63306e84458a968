using Akka.Actor;
using EntityActors.Actors.Client;
using EntityActors.Actors.Cluster;
using EntityActors.Actors.Shards;
using EntityActors.TestCluster.Disk;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace EntityActors.TestCluster.Nodes;

/// <summary>A node from one start to its end, which it comes to once, whoever asks for it first.</summary>
internal sealed class NodeLife
{
    private const string KilledReason = "it was killed";

    private readonly Lock _lock = new();
    private readonly CancellationTokenSource _killed = new();
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly CancellationTokenRegistration _stopping;
    private string? _endReason;
    private Task? _end;

    public NodeLife(TestNode node, NodeParts parts, NodeDisk disk)
    {
        (Node, Parts, Disk) = (node, parts, disk);
        (Store, Readiness) = (node.Store, node.Readiness);
        _stopping = node.Services.GetRequiredService<IHostApplicationLifetime>().ApplicationStopping.Register(() => _ = EndAsync(null));
    }

    public TestNode Node { get; }

    public NodeParts Parts { get; }

    public NodeDisk Disk { get; }

    public IEntityStore Store { get; }

    public ShardReadiness Readiness { get; }

    /// <summary>Fires when the node is killed.</summary>
    public CancellationToken Killed => _killed.Token;

    public bool HasEnded => _endReason is not null;

    public string? EndReason => _endReason;

    /// <summary>Completes when nothing of it is left: no thread, no file, no port.</summary>
    public Task Ended => _ended.Task;

    public void Pause()
    {
        Disk.Pause();
        Parts.Gate.Pause();
    }

    public void Resume()
    {
        Disk.Resume();
        Parts.Gate.Resume();
        Parts.Network.PumpAll();
    }

    /// <summary>Stops it in order; a node that ends by itself comes here too.</summary>
    public Task EndAsync(string? reason)
    {
        lock (_lock) return _end ??= StopAsync(reason);
    }

    /// <summary>Ends it between two instructions. What others may notice of it is over when the task completes; <see cref="Ended"/> comes later.</summary>
    public async Task KillAsync()
    {
        if (!TryBeginKill())
        {
            // It is stopping, which a frozen one would never come to the end of.
            Resume();
            return;
        }

        Parts.Transport?.Silence();
        await _killed.CancelAsync();
        // Waits for calls that the system has begun.
        await Task.Run(Disk.Kill);
        Parts.Transport?.Cut();
        _ = FinishAsync(TearDownAsync(), static () => KilledReason);
    }

    private bool TryBeginKill()
    {
        lock (_lock)
        {
            if (_end is not null) return false;
            _end = _ended.Task;
            _endReason = KilledReason;
            return true;
        }
    }

    private async Task StopAsync(string? reason)
    {
        await Task.Yield();
        var standing = Node.Services.GetRequiredService<ClusterStanding>();
        await FinishAsync(Node.DisposeAsync().AsTask(), () => standing.Downed ?? reason ?? "its host stopped");
        await Ended;
    }

    private async Task TearDownAsync()
    {
        // Its actors only have to go: they reach nobody and nothing.
        Parts.Gate.Resume();
        await CoordinatedShutdown.Get(Node.System).Run(CoordinatedShutdown.UnknownReason.Instance, CoordinatedShutdown.PhaseActorSystemTerminate);
        await Node.DisposeAsync();
    }

    private async Task FinishAsync(Task ending, Func<string> reason)
    {
        Exception? failure = null;
        try
        {
            await ending;
        }
        catch (Exception cause)
        {
            // Told to whoever waits for the end.
            failure = cause;
        }

        _stopping.Unregister();
        Parts.Dispose();
        _endReason ??= reason();
        if (failure is null) _ended.TrySetResult();
        else _ended.TrySetException(failure);
    }
}
