using EntityActors.Actors.Shards;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace EntityActors.Actors.Hosting;

/// <summary>Lets the host's start wait until every shard serves or is known not to. Hosted after the actor system.</summary>
internal sealed class ShardReadinessService(
    ShardReadiness readiness, EntityActorsOptions options, TimeProvider time, ILogger<ShardReadinessService> log) : IHostedService
{
    public async Task StartAsync(CancellationToken cancellationToken)
    {
        try
        {
            await readiness.WhenSettledAsync(cancellationToken).WaitAsync(options.ReadyTimeout, time, cancellationToken);
        }
        catch (TimeoutException)
        {
            // Health checks go on telling what is missing; a node that serves most shards is better than none.
        }

        if (!readiness.IsReady)
        {
            log.LogWarning("{Serving} of {Shards} shards serve, {Quarantined} are quarantined",
                readiness.ServingCount, readiness.ShardCount, readiness.QuarantinedCount);
        }
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}
