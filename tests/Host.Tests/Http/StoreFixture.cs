using System.Text.Json;
using EntityActors.Host.Http;
using EntityActors.Tests.Shared;
using EntityActors.Tests.Shared.Http;
using Microsoft.AspNetCore.Builder;
using Xunit;

namespace EntityActors.Host.Tests.Http;

/// <summary>A node as <c>ea serve</c> composes it, in this process, with an empty store on a free port of loopback.</summary>
public sealed class StoreFixture : IAsyncLifetime
{
    public const int ShardCount = 4;

    private readonly TempDirectory _directory = new();
    private WebApplication? _app;

    public string DataDirectory => _directory.File("data");

    public Uri BaseAddress { get; private set; } = null!;

    public StoreHttp Store { get; private set; } = null!;

    /// <summary>Of the node behind it.</summary>
    public IServiceProvider Services => _app!.Services;

    /// <summary>Requests as a test spells them.</summary>
    public HttpApi Http { get; private set; } = null!;

    public async Task InitializeAsync()
    {
        _app = StoreHosting.Build(new ServeOptions(DataDirectory, new Uri("http://127.0.0.1:0"), ShardCount, []) { Authentication = false });
        await _app.StartAsync();
        BaseAddress = new Uri(_app.Urls.First());
        Store = new StoreHttp(BaseAddress);
        Http = new HttpApi(Store.Raw);
    }

    public async Task DisposeAsync()
    {
        Store?.Dispose();
        if (_app is not null)
        {
            await _app.StopAsync();
            await _app.DisposeAsync();
        }

        _directory.Dispose();
    }

    /// <summary>Changes the store ever took: nothing was stored between two equal answers.</summary>
    public async Task<long> SequenceSumAsync()
    {
        using var json = JsonDocument.Parse((await Http.GetAsync("/v1/shards")).Body);
        return json.RootElement.GetProperty("items").EnumerateArray().Sum(shard => shard.GetProperty("sequence").GetInt64());
    }
}
