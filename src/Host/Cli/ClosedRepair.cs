using EntityActors.Actors.Client;
using EntityActors.Actors.Hosting;
using EntityActors.Storage.Integrity;
using EntityActors.Storage.Model;
using EntityActors.Storage.Shards;

namespace EntityActors.Host.Cli;

/// <summary><c>ea verify --repair</c>: mends a store that no process uses.</summary>
/// <remarks>
/// Segments are written anew with the store's lock held. Headers, claims and logs are mended by what mends them in a running store: if
/// any damage is left, a node is started without an interface, every shard recovers from what stands in, and writes two checkpoints.
/// In the end everything is read again: what is reported then is there.
/// </remarks>
internal static class ClosedRepair
{
    /// <exception cref="StoreUnusableException">There is no store, or it is in use.</exception>
    public static async Task<int> RunAsync(string data, bool isJson, CancellationToken cancellation)
    {
        var (found, left) = (new List<Finding>(), new List<Finding>());
        var report = InspectCommands.Inspect(data, found.Add, repairs: true, cancellation);
        if (report.DamageCount > 0) await RunNodeAsync(data, cancellation);
        report = InspectCommands.Inspect(data, left.Add, repairs: false, cancellation);
        // Damage that was there before and is no more, and what of it was said to be written anew at once.
        var mended = found.Where(finding => finding.Severity == Severity.Damage && !left.Contains(finding))
            .Select(finding => finding with { Severity = Severity.Repaired });
        InspectCommands.Print(isJson, isSummaryWanted: false, report,
            [.. found.Where(finding => finding.Severity == Severity.Repaired), .. mended, .. left]);
        return report.DamageCount == 0 ? ExitCode.Ok : ExitCode.Damage;
    }

    private static async Task RunNodeAsync(string data, CancellationToken cancellation)
    {
        var builder = Microsoft.Extensions.Hosting.Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings());
        builder.AddEntityActors(new EntityActorsOptions
        {
            Store = new NodeStoreOptions { DataDirectory = data },
            // It would look for what is being looked for.
            HoconTexts = ["entityactors.scrubber.enabled = off"],
        });
        using var host = builder.Build();
        await host.StartAsync(cancellation);
        var store = host.Services.GetRequiredService<IEntityStore>();
        for (var shard = 0; shard < store.ShardCount; shard++)
        {
            try
            {
                _ = await store.VerifyAsync(new ShardId(shard), repair: true, cancellation);
            }
            catch (StoreException failure)
            {
                // It cannot be started from what is left; the inspection that follows names what is lost.
                await Console.Error.WriteLineAsync($"shard {shard} was not repaired: {Readable.Safe(failure.Message)}");
            }
        }

        await host.StopAsync(CancellationToken.None);
    }
}
