using Akka.Actor;
using Akka.Cluster;
using EntityActors.Actors.Shards;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace EntityActors.Actors.Hosting;

/// <summary>Lets the host's start wait until every shard serves or is known not to. Hosted after the actor system.</summary>
internal sealed class ShardReadinessService(
    ShardReadiness readiness, ActorSystem system, EntityActorsOptions options, TimeProvider time, ILogger<ShardReadinessService> log) : IHostedService
{
    public async Task StartAsync(CancellationToken cancellationToken)
    {
        var started = time.GetTimestamp();
        var settled = readiness.WhenSettledAsync(cancellationToken);
        for (var left = options.ReadyTimeout; left > TimeSpan.Zero; left = options.ReadyTimeout - time.GetElapsedTime(started))
        {
            try
            {
                await settled.WaitAsync(left < options.WaitReportInterval ? left : options.WaitReportInterval, time, cancellationToken);
                break;
            }
            catch (TimeoutException)
            {
                // Past the limit health checks go on telling what is missing; a node that serves most shards is better than none.
                Report();
            }
        }

        if (settled.IsCompleted && !readiness.IsReady) Report();
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    private void Report()
    {
        var cluster = Akka.Cluster.Cluster.Get(system);
        if (cluster.SelfMember.Status is MemberStatus.Up or MemberStatus.WeaklyUp)
        {
            log.LogWarning("{Serving} of {Shards} shards serve, {Quarantined} are quarantined",
                readiness.ServingCount, readiness.ShardCount, readiness.QuarantinedCount);
        }
        else
        {
            log.LogWarning("no shard serves: waiting to join the cluster at {Seeds}", string.Join(", ", cluster.Settings.SeedNodes));
        }
    }
}
