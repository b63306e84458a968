using System.Collections.Immutable;
using EntityActors.Actors.Client;
using EntityActors.Actors.Hosting;
using EntityActors.Actors.Protocol;
using EntityActors.Storage.Model;
using EntityActors.Storage.Shards;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace EntityActors.Bench.Stores;

/// <summary>Our store through <see cref="IEntityStore"/>, in this process: what an application that embeds it gets.</summary>
internal sealed class EntityActorsStore(IEntityStore store, IHost host) : IBenchStore
{
    public const string StoreName = "EntityActors";
    private const string Dataset = "bench";
    private const string Author = "bench";
    private const string ContentType = "text/plain";

    /// <summary>Starts a node in the given directory.</summary>
    /// <remarks>The only place that knows how a node is composed.</remarks>
    public static async Task<IBenchStore> OpenAsync(string directory) => await OpenAsync(directory, shardCount: null);

    public static async Task<EntityActorsStore> OpenAsync(string directory, int? shardCount)
    {
        var builder = Microsoft.Extensions.Hosting.Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings());
        builder.Logging.ClearProviders();
        builder.AddEntityActors(new EntityActorsOptions { Store = new NodeStoreOptions { DataDirectory = directory, ShardCount = shardCount } });
        var host = builder.Build();
        await host.StartAsync();
        return new EntityActorsStore(host.Services.GetRequiredService<IEntityStore>(), host);
    }

    public string Name => StoreName;

    public IEntityStore Store => store;

    public async Task WriteAsync(BenchEntity entity)
    {
        ImmutableArray<Tag> tags = [.. entity.Tags.Select(tag => new Tag(tag))];
        var command = new PutEntity(new EntityKey(Dataset, entity.Id), CommandId.New(), Author, null, default, tags,
            new Content(ContentType, entity.Content));
        while (true)
        {
            try
            {
                var result = await store.ExecuteAsync(command, CancellationToken.None);
                if (result is not CommandResult.Committed) throw new InvalidOperationException($"{command.Key}: {result}");
                return;
            }
            catch (StoreBusyException busy)
            {
                // Back pressure is part of the measured time.
                await Task.Delay(busy.RetryAfter);
            }
        }
    }

    public async Task<int> ReadAsync(string id)
    {
        var snapshot = await store.GetAsync(new EntityKey(Dataset, id), null, withContent: true, CancellationToken.None);
        return snapshot?.Content is { } content ? content.Bytes.Length : -1;
    }

    public async Task<int> QueryAsync(string tag, int limit)
    {
        var query = new TagQuery(Dataset, [new TagPattern(tag, false)], MatchAny: false, Not: [], Lifecycle.Active);
        var page = await store.QueryAsync(new EntityQuery(query, null, limit, null, Count: false, WithContent: false), CancellationToken.None);
        return page.Items.Length;
    }

    public async ValueTask DisposeAsync()
    {
        await host.StopAsync();
        host.Dispose();
    }
}
