using EntityActors.Bench.Measurement;
using EntityActors.Tests.Shared.Processes;

namespace EntityActors.Bench.Http;

/// <summary>A server under load.</summary>
internal interface IHttpServer : IAsyncDisposable
{
    string Name { get; }

    Uri Address { get; }

    /// <summary>CPU seconds of all its processes so far.</summary>
    double CpuSeconds { get; }
}

/// <summary>The real program: one embedded node without authentication.</summary>
internal sealed class StoreServer : IHttpServer
{
    /// <summary>The store's limit for one client address would end the load of a large machine.</summary>
    private const string NoLimitOfRequests = "entityactors.http { requests-per-second = 1000000, requests-burst = 1000000 }";

    private readonly ServerProcess _process;

    private StoreServer(ServerProcess process) => _process = process;

    public static async Task<StoreServer> StartAsync(string directory)
    {
        var settings = Path.Combine(directory, "limits.hocon");
        await File.WriteAllTextAsync(settings, NoLimitOfRequests);
        return new StoreServer(await ServerProcess.StartAsync(new ServerOptions(Path.Combine(directory, "store"), HoconFiles: [settings])));
    }

    public string Name => "EntityActors";

    public Uri Address => _process.BaseAddress;

    public double CpuSeconds => ProcessReading.CpuSeconds(_process.ProcessId);

    public ValueTask DisposeAsync() => _process.DisposeAsync();
}

/// <summary>PostgreSQL and the process with the API over it.</summary>
internal sealed class PostgresServer : IHttpServer
{
    /// <summary>Ours, and those that PostgreSQL keeps for its administrator.</summary>
    private const int ConnectionsBesides = 16;

    private readonly PostgresInstance _postgres;
    private readonly ServerProcess _api;

    private PostgresServer(PostgresInstance postgres, ServerProcess api) => (_postgres, _api) = (postgres, api);

    /// <exception cref="PostgresUnavailableException">It is not installed or does not start.</exception>
    public static async Task<PostgresServer> StartAsync(string directory, int connections)
    {
        var postgres = await PostgresInstance.StartAsync(directory, connections + ConnectionsBesides);
        ServerProcess? api = null;
        try
        {
            var info = SelfProcess.StartInfo(PostgresApi.ChildCommand, "--postgres", postgres.ConnectionString, "--connections", $"{connections}");
            info.RedirectStandardInput = info.RedirectStandardError = true;
            info.Environment["DOTNET_EnableDiagnostics"] = "0";
            api = ServerProcess.Launch(info);
            await api.WaitReadyAsync(ServerProcess.ReadyTimeout);
            return new PostgresServer(postgres, api);
        }
        catch
        {
            if (api is not null) await api.DisposeAsync();
            await postgres.DisposeAsync();
            throw;
        }
    }

    public string Name => "PostgreSQL";

    public Uri Address => _api.BaseAddress;

    public double CpuSeconds => ProcessReading.CpuSeconds(_api.ProcessId) + _postgres.CpuSeconds;

    /// <summary>Version and the settings that say how durable a commit is.</summary>
    public Task<string> DescribeAsync() => _postgres.ScalarAsync("""
        SELECT 'PostgreSQL ' || current_setting('server_version') || ', fsync=' || current_setting('fsync') || ', synchronous_commit='
            || current_setting('synchronous_commit') || ', wal_sync_method=' || current_setting('wal_sync_method')
        """);

    /// <summary>Every change that was acknowledged is a row of the history.</summary>
    /// <exception cref="InvalidDataException">There are more or fewer.</exception>
    public async Task CheckHistoryAsync(long acknowledged)
    {
        var held = await _postgres.ScalarAsync(PostgresEntities.CountChanges);
        if (held != $"{acknowledged}") throw new InvalidDataException($"{Name} holds {held} changes of {acknowledged} acknowledged ones");
    }

    public async ValueTask DisposeAsync()
    {
        await _api.DisposeAsync();
        await _postgres.DisposeAsync();
    }
}
