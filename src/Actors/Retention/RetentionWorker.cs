using EntityActors.Actors.Client;
using EntityActors.Actors.Hosting;
using EntityActors.Storage.Model;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace EntityActors.Actors.Retention;

/// <summary>Applies retention policies in the background, each on the node that serves the policy's own shard.</summary>
internal sealed class RetentionWorker(IEntityStore store, NodeStoreService node, EntityActorsOptions options, TimeProvider time,
    ILogger<RetentionWorker> log) : BackgroundService
{
    private readonly RetentionLimits _limits = RetentionLimits.From(StoreHocon.For(options));
    private readonly RetentionPolicies _policies = new(store);
    private readonly Dictionary<RetentionPolicy, RetentionPass> _passes = [];

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (true)
        {
            try
            {
                await Task.Delay(_limits.Interval, time, stoppingToken);
                await LookAsync(stoppingToken);
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                return;
            }
            catch (StoreException failure)
            {
                // The shards it needs are away, or busy: the next pass tries again.
                log.LogWarning("retention: {Reason}", failure.Message);
            }
        }
    }

    private async Task LookAsync(CancellationToken cancellation)
    {
        var policies = await _policies.ListAsync(cancellation);
        foreach (var gone in _passes.Keys.Except(policies).ToArray()) _passes.Remove(gone);
        foreach (var policy in policies)
        {
            if (!node.Store.Log.Owns(RetentionPolicy.KeyOf(policy.Dataset).ShardOf(node.Store.Descriptor.ShardCount))) continue;
            if (!_passes.TryGetValue(policy, out var pass)) _passes.Add(policy, pass = new RetentionPass(store, policy));
            await ApplyAsync(policy, pass, cancellation);
        }
    }

    /// <summary>One pass. What keeps it from its shards keeps no other policy from its own.</summary>
    private async Task ApplyAsync(RetentionPolicy policy, RetentionPass pass, CancellationToken cancellation)
    {
        try
        {
            var now = Timestamp.FromDateTimeOffset(time.GetUtcNow());
            pass.Restart();
            var outcome = await pass.RunAsync(now, _limits.PagesPerPass, _limits.EntitiesPerPass, dryRun: false, _limits.TrimStepMin, cancellation);
            if (outcome.Items.Length > 0) log.LogInformation("retention: {Count} entities of {Dataset} went", outcome.Items.Length, policy.Dataset);
            var (entities, changes) = outcome.Trimmed;
            if (changes > 0) log.LogInformation("retention: {Count} changes of {Entities} entities of {Dataset} went", changes, entities, policy.Dataset);
            if (outcome.Failure is { } failure) log.LogWarning("retention of {Dataset}: {Reason}", policy.Dataset, failure.Message);
        }
        catch (StoreException failure)
        {
            log.LogWarning("retention of {Dataset}: {Reason}", policy.Dataset, failure.Message);
        }
    }
}
