using EntityActors.Actors.Client;
using EntityActors.Actors.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace EntityActors.Chaos.Clients;

/// <summary>
/// A member of the cluster that owns no shards: its clients speak the actor protocol through a proxy of the shard region. When the cluster
/// removes it, it comes back as a new one.
/// </summary>
/// <param name="host">Loopback address at which the nodes reach it.</param>
/// <param name="seeds">Nodes to join, as host:port.</param>
public sealed class ActorMember(string host, IReadOnlyList<string> seeds, string dataset, Random random) : IAsyncDisposable
{
    private readonly CancellationTokenSource _stop = new();
    private volatile ActorConnection? _connection;
    private Task _running = Task.CompletedTask;
    private int _removedCount;

    public IStoreConnection? Connection => _connection;

    /// <summary>Times it was removed from the cluster and came back.</summary>
    public int RemovedCount => Volatile.Read(ref _removedCount);

    /// <summary>Does not wait until it has joined.</summary>
    public Task StartAsync()
    {
        _running = Task.Run(RunAsync);
        return Task.CompletedTask;
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _running;
        _stop.Dispose();
    }

    private async Task RunAsync()
    {
        while (!_stop.IsCancellationRequested)
        {
            using var member = Build();
            try
            {
                await member.StartAsync(_stop.Token);
                _connection = new ActorConnection(member.Services.GetRequiredService<IEntityStore>(), dataset);
                await EndAsync(member.Services.GetRequiredService<IHostApplicationLifetime>().ApplicationStopping);
                if (!_stop.IsCancellationRequested) Interlocked.Increment(ref _removedCount);
            }
            catch (Exception cause) when (cause is StoreUnavailableException or OperationCanceledException)
            {
                // No store answered, or the run is over.
            }

            _connection = null;
            await member.StopAsync(CancellationToken.None);
        }
    }

    /// <summary>Returns when the cluster has removed this member, which stops its host, or the run is over.</summary>
    private async Task EndAsync(CancellationToken stopping)
    {
        using var either = CancellationTokenSource.CreateLinkedTokenSource(stopping, _stop.Token);
        await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, either.Token).ContinueWith(static _ => { }, TaskScheduler.Default);
    }

    private IHost Build()
    {
        var builder = Microsoft.Extensions.Hosting.Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings());
        builder.Logging.ClearProviders();
        // Signals are for the run.
        builder.Services.AddSingleton<IHostLifetime, NoLifetime>();
        builder.AddEntityActorsClient(new EntityActorsClientOptions
        {
            Cluster = new ClusterOptions(host, 0, seeds),
            HoconTexts = ["akka.loglevel = OFF, akka.stdout-loglevel = OFF"],
            Seed = random.Next(),
        });
        return builder.Build();
    }

    private sealed class NoLifetime : IHostLifetime
    {
        public Task WaitForStartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }
}
