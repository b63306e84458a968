using System.CommandLine;
using System.Net;
using System.Net.Sockets;
using EntityActors.Host.Http;

namespace EntityActors.Host.Cli;

/// <summary><c>ea serve</c>: one embedded node with its HTTP interface.</summary>
internal static class ServeCommand
{
    private static readonly Option<string?> Data = new("--data") { Description = "Data directory (ENTITYACTORS_DATA, default ./data)" };

    private static readonly Option<string?> Http = new("--http")
    {
        Description = "Address of the HTTP interface (ENTITYACTORS_HTTP, default http://127.0.0.1:8085)",
    };

    private static readonly Option<int?> Shards = new("--shards") { Description = "Shards of a new store (ENTITYACTORS_SHARDS, default 64)" };

    private static readonly Option<string[]> Hocon = new("--hocon")
    {
        Description = "HOCON file over the built-in settings; repeatable, later ones win (ENTITYACTORS_HOCON)",
    };

    public static Command Create()
    {
        var command = new Command("serve", "Starts the store") { Data, Http, Shards, Hocon };
        command.SetAction(RunAsync);
        return command;
    }

    public static async Task<int> RunAsync(ParseResult result, CancellationToken cancellation)
    {
        var environment = new ConfigurationBuilder().AddEnvironmentVariables("ENTITYACTORS_").Build();
        var address = Address(result.GetValue(Http) ?? environment["HTTP"] ?? "http://127.0.0.1:8085");
        var shards = result.GetValue(Shards) ?? Number(environment["SHARDS"]);
        if (shards is < 1 or > Storage.Shards.StoreDescriptor.ShardCountMax)
            throw new UsageException($"--shards is 1 to {Storage.Shards.StoreDescriptor.ShardCountMax}, not {shards}");
        var files = result.GetValue(Hocon) is { Length: > 0 } given
            ? given
            : environment["HOCON"]?.Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries) ?? [];
        foreach (var file in files)
        {
            if (!File.Exists(file)) throw new UsageException($"there is no HOCON file {file}");
        }

        var data = result.GetValue(Data) ?? environment["DATA"] ?? "./data";
        if (string.IsNullOrWhiteSpace(data)) throw new UsageException("--data names a directory");
        CheckSettings(files);
        CheckFree(address);
        await using var app = StoreHosting.Build(new ServeOptions(data, address, shards, files));
        // A start is not cut short: what is half built could not be taken down in order. It is bounded, and then stopped at once.
        await app.StartAsync(CancellationToken.None);
        await using var stop = cancellation.Register(app.Lifetime.StopApplication);
        var store = app.Services.GetRequiredService<Actors.Client.IEntityStore>();
        var node = app.Services.GetRequiredService<Actors.Hosting.EntityActorsOptions>().Store.Node;
        await Console.Out.WriteLineAsync($"ready http={app.Urls.First()} node={node} shards={store.ShardCount}");
        await app.WaitForShutdownAsync(CancellationToken.None);
        return ExitCode.Ok;
    }

    /// <summary>Read once before anything is opened, so that a wrong value is one line and creates nothing.</summary>
    private static void CheckSettings(IReadOnlyList<string> files)
    {
        try
        {
            var options = new Storage.Shards.NodeStoreOptions { DataDirectory = "." };
            var settings = Actors.Hosting.StoreHocon.For(new() { Store = options, HoconFiles = files });
            _ = Actors.Hosting.StoreSettings.Apply(options, settings);
            _ = Actors.Scrubbing.ScrubberLimits.From(settings);
        }
        catch (Exception problem) when (problem is Akka.Configuration.ConfigurationException or FormatException)
        {
            throw new UsageException($"the settings of {string.Join(", ", files)} cannot be used: {problem.Message}");
        }
    }

    /// <summary>Before the store is opened or made: an address that is taken is no reason to touch it.</summary>
    /// <exception cref="PortInUseException">Somebody listens there.</exception>
    private static void CheckFree(Uri address)
    {
        try
        {
            using var listener = new TcpListener(StoreHosting.Host(address), address.Port);
            listener.Start();
        }
        catch (SocketException cause)
        {
            throw new PortInUseException($"{address} cannot be listened on: {cause.Message}");
        }
    }

    private static Uri Address(string text)
    {
        if (!Uri.TryCreate(text, UriKind.Absolute, out var address) || address.Scheme != Uri.UriSchemeHttp || address.AbsolutePath != "/")
            throw new UsageException($"--http is an address like http://127.0.0.1:8085, not '{text}'");
        var isLoopback = address.Host == "localhost" || (IPAddress.TryParse(address.Host.Trim('[', ']'), out var ip) && IPAddress.IsLoopback(ip));
        return isLoopback ? address : throw new UsageException($"HTTP listens on loopback only while there are no users: not on {address.Host}");
    }

    private static int? Number(string? text)
    {
        if (text is null) return null;
        return int.TryParse(text, out var number) ? number : throw new UsageException($"ENTITYACTORS_SHARDS is a number, not '{text}'");
    }
}

/// <summary>The address of the HTTP interface is taken or not ours.</summary>
internal sealed class PortInUseException(string message) : Exception(message);
