using Akka.Actor;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace EntityActors.Actors.Hosting;

/// <summary>Lets the host's start wait until every shard serves or is known not to. Hosted after the actor system.</summary>
internal sealed class ShardReadinessService(
    StoreReadiness readiness, ActorSystem system, EntityActorsOptions options, TimeProvider time, ILogger<ShardReadinessService> log) : IHostedService
{
    private static readonly TimeSpan LookInterval = TimeSpan.FromMilliseconds(50);

    /// <summary>Short: the next look comes soon, and shards of this node tell by themselves.</summary>
    private static readonly TimeSpan AnswerTimeout = TimeSpan.FromMilliseconds(200);

    public async Task StartAsync(CancellationToken cancellationToken)
    {
        var started = time.GetTimestamp();
        var reported = started;
        while (true)
        {
            var found = await readiness.LookAsync(AnswerTimeout, cancellationToken);
            // Past the limit health checks go on telling what is missing; a node that serves most shards is better than none.
            var isOver = found.IsSettled || time.GetElapsedTime(started) >= options.ReadyTimeout;
            if (!found.IsReady && (isOver || time.GetElapsedTime(reported) >= options.WaitReportInterval))
            {
                Report(found);
                reported = time.GetTimestamp();
            }

            if (isOver || options.StopWaiting.IsCancellationRequested) return;
            await Task.Delay(LookInterval, time, cancellationToken);
        }
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    private void Report(ReadinessReport found)
    {
        var cluster = Akka.Cluster.Cluster.Get(system);
        if (found.IsMember)
        {
            log.LogWarning("{Serving} of {Shards} shards serve, {Quarantined} are quarantined", found.Serving, found.Shards, found.Quarantined);
        }
        else
        {
            var seeds = options.Cluster?.Seeds ?? cluster.Settings.SeedNodes.Select(seed => seed.ToString());
            log.LogWarning("no shard serves: waiting to join the cluster at {Seeds}", string.Join(", ", seeds));
        }
    }
}
