using EntityActors.Storage.Shards;
using Microsoft.Extensions.Hosting;

namespace EntityActors.Actors.Hosting;

/// <summary>Owns the node's store: opened at first use, closed once the actor system has stopped.</summary>
/// <remarks>Hosted before the actor system, so stopped after it.</remarks>
public sealed class NodeStoreService(EntityActorsOptions options, TimeProvider time) : IHostedService, IDisposable
{
    private readonly Lock _lock = new();
    private NodeStore? _store;
    private bool _closed;

    /// <exception cref="Storage.Model.StoreUnusableException">The data directory cannot be used; nothing in it was changed.</exception>
    public NodeStore Store
    {
        get
        {
            lock (_lock)
            {
                ObjectDisposedException.ThrowIf(_closed, this);
                var settings = StoreSettings.Apply(options.Store, StoreHocon.For(options)) with { IsShared = options.Cluster is not null };
                return _store ??= NodeStore.Open(settings, options.Files, time);
            }
        }
    }

    public Task StartAsync(CancellationToken cancellationToken)
    {
        _ = Store;
        return Task.CompletedTask;
    }

    public Task StopAsync(CancellationToken cancellationToken)
    {
        Dispose();
        return Task.CompletedTask;
    }

    public void Dispose()
    {
        lock (_lock)
        {
            _closed = true;
            _store?.Dispose();
            _store = null;
        }
    }
}
