using EntityActors.Actors.Cluster;
using EntityActors.Storage.Model;
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
                return _store ??= Open(settings);
            }
        }
    }

    /// <summary>A node without seeds begins a cluster. Where there is one it would wait for ever, so it is refused.</summary>
    private NodeStore Open(NodeStoreOptions settings)
    {
        var store = NodeStore.Open(settings, options.Files, time);
        if (options.Cluster is not { Seeds.Count: 0 } || !ClusterJoiner.HasMembers(store)) return store;
        store.Dispose();
        throw new StoreUnusableException(StoreUnusableReason.InUse,
            $"{store.Layout.Data} is in use by members of a cluster: a node joins them with --seed and the HOST:PORT of one of them");
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
