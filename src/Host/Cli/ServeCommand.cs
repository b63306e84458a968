using System.CommandLine;
using System.Net;
using System.Net.Sockets;
using EntityActors.Actors.Cluster;
using EntityActors.Actors.Hosting;
using EntityActors.Actors.Tls;
using EntityActors.Host.Http;
using EntityActors.Host.Security;

namespace EntityActors.Host.Cli;

/// <summary><c>ea serve</c>: one embedded node with its HTTP interface, for itself or as a member of a cluster.</summary>
internal static class ServeCommand
{
    internal static readonly Option<string?> Data = new("--data") { Description = "Data directory (ENTITYACTORS_DATA, default ./data)" };

    private static readonly Option<string?> Http = new("--http")
    {
        Description = "Address of the HTTP interface (ENTITYACTORS_HTTP, default http://127.0.0.1:8085)",
    };

    internal static readonly Option<int?> Shards = new("--shards") { Description = "Shards of a new store (ENTITYACTORS_SHARDS, default 64)" };

    internal static readonly Option<string[]> Hocon = new("--hocon")
    {
        Description = "HOCON file over the built-in settings; repeatable, later ones win (ENTITYACTORS_HOCON)",
    };

    private static readonly Option<int?> ClusterPort = new("--cluster-port")
    {
        Description = "Makes the node a member of a cluster whose nodes share the data directory, and listens for them here; 0 is any free port "
            + "(ENTITYACTORS_CLUSTER_PORT, default no cluster)",
    };

    private static readonly Option<string?> ClusterHost = new("--host")
    {
        Description = "Name or address by which the other members reach this node (ENTITYACTORS_HOST, default 127.0.0.1)",
    };

    private static readonly Option<string[]> Seed = new("--seed")
    {
        Description = "HOST:PORT of a member to join; repeatable (ENTITYACTORS_SEED, separated by commas). Without any the node begins the cluster",
    };

    private static readonly Option<string?> Certificate = new("--cluster-certificate")
    {
        Description = "PEM file with the certificate that this node shows the other members; with it they talk TLS (ENTITYACTORS_CLUSTER_CERTIFICATE)",
    };

    private static readonly Option<string?> Key = new("--cluster-key")
    {
        Description = "PEM file with the private key of that certificate (ENTITYACTORS_CLUSTER_KEY)",
    };

    private static readonly Option<string?> Authority = new("--cluster-authority")
    {
        Description = "PEM file with the root certificate that every member's certificate comes from (ENTITYACTORS_CLUSTER_AUTHORITY)",
    };

    /// <summary>Options of TLS between members, which each of them takes as it stands.</summary>
    internal static readonly IReadOnlyList<Option<string?>> Tls = [Certificate, Key, Authority];

    internal static readonly Option<string?> Auth = new("--auth")
    {
        Description = "on or off: off lets everybody who reaches the port do everything, on loopback only (ENTITYACTORS_AUTH, default on)", HelpName = "on|off",
    };

    private static readonly Option<string?> HttpCertificateFile = new("--http-certificate")
    {
        Description = "PEM file with the certificate of an https address, and behind it any between it and its authority (ENTITYACTORS_HTTP_CERTIFICATE)",
        HelpName = "file",
    };

    private static readonly Option<string?> HttpKeyFile = new("--http-key")
    {
        Description = "PEM file with the private key of that certificate (ENTITYACTORS_HTTP_KEY)", HelpName = "file",
    };

    /// <summary>Options of the HTTP interface that every node of a machine takes as they stand.</summary>
    internal static readonly IReadOnlyList<Option<string?>> Security = [Auth, HttpCertificateFile, HttpKeyFile];

    private static readonly Option<string?> Node = new("--node")
    {
        Description = "Name of this node, different from all that share the data directory (ENTITYACTORS_NODE, default node, or in a cluster node-1, node-2 …)",
    };

    /// <summary>For a node whose life hangs on another process: it ends in order when its standard input does, and leaves Ctrl-C to that one.</summary>
    internal static readonly Option<bool> UntilInputEnds = new("--until-input-ends") { Hidden = true };

    public static Command Create()
    {
        var command = new Command("serve", "Starts the store") { Data, Http, Shards, ClusterPort, ClusterHost, Seed, Node, Hocon, UntilInputEnds };
        foreach (var option in Tls.Concat(Security)) command.Options.Add(option);
        command.SetAction(RunAsync);
        return command;
    }

    public static async Task<int> RunAsync(ParseResult result, CancellationToken cancellation)
    {
        var environment = new ConfigurationBuilder().AddEnvironmentVariables("ENTITYACTORS_").Build();
        var address = Address(result.GetValue(Http) ?? environment["HTTP"] ?? "http://127.0.0.1:8085");
        var shards = result.GetValue(Shards) ?? Number(environment["SHARDS"], "SHARDS");
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
        var cluster = Cluster(result, environment);
        var name = result.GetValue(Node) ?? environment["NODE"];
        if (name is not null && !IsNodeName(name)) throw new UsageException($"--node is 1 to 64 letters, digits, '_' or '-', not '{name}'");
        var (security, limits) = CheckSettings(files, cluster);
        var options = ServeSecurity.Check(new ServeOptions(data, address, shards, files, name, cluster)
        {
            Authentication = ServeSecurity.OnOff(result.GetValue(Auth) ?? environment["AUTH"]),
            AdminPassword = environment["ADMIN_PASSWORD"],
            Stopping = cancellation,
            Certificate = ServeSecurity.Certificate(
                address, result.GetValue(HttpCertificateFile) ?? environment["HTTP_CERTIFICATE"], result.GetValue(HttpKeyFile) ?? environment["HTTP_KEY"]),
        }, security, limits);
        CheckFree(address);
        if (cluster is { Port: > 0 }) CheckFree(cluster);
        await using var app = StoreHosting.Build(options);
        // A start is not cut short: what is half built could not be taken down in order. It is bounded, and then stopped at once.
        var standing = app.Services.GetRequiredService<ClusterStanding>();
        try
        {
            await app.StartAsync(CancellationToken.None);
        }
        catch (OperationCanceledException) when (standing.Downed is not null)
        {
            return await EndDownedAsync("this node", standing.Downed);
        }

        await using var stop = cancellation.Register(app.Lifetime.StopApplication);
        if (result.GetValue(UntilInputEnds)) _ = StopAtEndOfInputAsync(app.Lifetime);
        var store = app.Services.GetRequiredService<Actors.Client.IEntityStore>();
        var node = app.Services.GetRequiredService<NodeStoreService>().Store.Log.Node;
        var member = cluster is null ? "" : $" cluster={ClusterMember.SelfAddress(app.Services.GetRequiredService<Akka.Actor.ActorSystem>())}";
        if (cancellation.IsCancellationRequested)
        {
            // It has begun to stop before it was ready, and says nothing else.
            await app.StopAsync(CancellationToken.None);
            return ExitCode.Ok;
        }

        ServeSecurity.Warn(app.Services.GetRequiredService<SecuritySettings>());
        await Console.Out.WriteLineAsync($"ready http={app.Urls.First()} node={node} shards={store.ShardCount}{member}");
        await app.WaitForShutdownAsync(CancellationToken.None);
        return standing.Downed is { } reason ? await EndDownedAsync($"node {node}", reason) : ExitCode.Ok;
    }

    private static async Task<int> EndDownedAsync(string node, string reason)
    {
        await Console.Error.WriteLineAsync($"ea: {node} ended, because the cluster goes on without it: {reason}");
        return ExitCode.Downed;
    }

    private static async Task StopAtEndOfInputAsync(IHostApplicationLifetime lifetime)
    {
        // Reading blocks its thread.
        await Task.Yield();
        await using var input = Console.OpenStandardInput();
        var buffer = new byte[64];
        while (await input.ReadAsync(buffer) > 0)
        {
            // What is written there means nothing.
        }

        lifetime.StopApplication();
    }

    /// <summary>Read once before anything is opened, so that a wrong value is one line and creates nothing.</summary>
    private static (SecuritySettings Security, HttpLimits Http) CheckSettings(IReadOnlyList<string> files, ClusterOptions? cluster)
    {
        try
        {
            var options = new Storage.Shards.NodeStoreOptions { DataDirectory = "." };
            var node = new EntityActorsOptions { Store = options, HoconFiles = files, Cluster = cluster };
            var settings = StoreHocon.For(node);
            _ = StoreSettings.Apply(options, settings);
            _ = Actors.Scrubbing.ScrubberLimits.From(settings);
            _ = Actors.Transfers.TransferLimits.From(settings);
            _ = Actors.Contents.ContentLimits.From(settings);
            _ = ClusterTransport.For(node);
            return (SecuritySettings.From(settings), HttpLimits.From(settings));
        }
        catch (Exception problem) when (problem is Akka.Configuration.ConfigurationException or FormatException)
        {
            throw new UsageException($"the settings of {string.Join(", ", files)} cannot be used: {problem.Message}");
        }
    }

    /// <summary>Before the store is opened or made: an address that is taken is no reason to touch it.</summary>
    /// <exception cref="PortInUseException">Somebody listens there.</exception>
    internal static void CheckFree(Uri address)
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

    private static void CheckFree(ClusterOptions cluster)
    {
        try
        {
            var address = IPAddress.TryParse(cluster.Host.Trim('[', ']'), out var ip) ? ip : Dns.GetHostAddresses(cluster.Host)[0];
            using var listener = new TcpListener(address, cluster.Port);
            listener.Start();
        }
        catch (SocketException cause)
        {
            throw new PortInUseException($"{cluster.Host}:{cluster.Port} cannot be listened on: {cause.Message}");
        }
    }

    /// <summary>Null when no cluster is asked for.</summary>
    private static ClusterOptions? Cluster(ParseResult result, IConfiguration environment)
    {
        var port = result.GetValue(ClusterPort) ?? Number(environment["CLUSTER_PORT"], "CLUSTER_PORT");
        var host = result.GetValue(ClusterHost) ?? environment["HOST"];
        var seeds = result.GetValue(Seed) is { Length: > 0 } given
            ? given
            : environment["SEED"]?.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries) ?? [];
        var tls = new TlsFiles(
            result.GetValue(Certificate) ?? environment["CLUSTER_CERTIFICATE"] ?? "", result.GetValue(Key) ?? environment["CLUSTER_KEY"] ?? "",
            result.GetValue(Authority) ?? environment["CLUSTER_AUTHORITY"] ?? "");
        if (port is null)
        {
            return host is null && seeds.Length == 0 && tls == new TlsFiles("", "", "")
                ? null
                : throw new UsageException("--host, --seed and certificates are for a member of a cluster, which has a --cluster-port");
        }

        if (port is < 0 or > IPEndPoint.MaxPort) throw new UsageException($"--cluster-port is 0 to {IPEndPoint.MaxPort}, not {port}");
        if (host is not null && !ClusterOptions.IsHost(host)) throw new UsageException($"--host is a name or address, not '{host}'");
        foreach (var seed in seeds)
        {
            if (!ClusterOptions.TryParse(seed, out _, out _)) throw new UsageException($"--seed is HOST:PORT, not '{seed}'");
        }

        return new ClusterOptions(host ?? "127.0.0.1", port.Value, seeds) { Tls = tls };
    }

    private static bool IsNodeName(string text) => text.Length is > 0 and <= 64 && text.All(c => char.IsAsciiLetterOrDigit(c) || c is '_' or '-');

    internal static Uri Address(string text)
    {
        var isAddress = Uri.TryCreate(text, UriKind.Absolute, out var address) && address.Scheme is "http" or "https" && address.AbsolutePath == "/"
            && (address.Host == "localhost" || IPAddress.TryParse(address.Host.Trim('[', ']'), out _));
        return isAddress ? address! : throw new UsageException($"--http is an address like http://127.0.0.1:8085, not '{text}'");
    }

    private static int? Number(string? text, string name)
    {
        if (text is null) return null;
        return int.TryParse(text, out var number) ? number : throw new UsageException($"ENTITYACTORS_{name} is a number, not '{text}'");
    }
}

/// <summary>The address of the HTTP interface is taken or not ours.</summary>
internal sealed class PortInUseException(string message) : Exception(message);
