using System.Net;
using System.Security.Authentication;
using EntityActors.Actors.Hosting;
using EntityActors.Host.EntityDb;
using EntityActors.Host.Http.OpenApi;
using EntityActors.Host.Security;
using EntityActors.Host.Telemetry;
using EntityActors.Storage.Model;
using EntityActors.Storage.Shards;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace EntityActors.Host.Http;

/// <summary>Composition root: one node of the store under Kestrel.</summary>
internal static class StoreHosting
{
    /// <summary>JSON wraps content: base64 takes 4/3 of it, escapes and tags some more.</summary>
    private const long BodyBytesMax = 24L * 1024 * 1024;

    public static WebApplication Build(ServeOptions options)
    {
        var node = NodeOptions(options);
        var settings = StoreHocon.For(node);
        var limits = HttpLimits.From(settings);
        var security = SecuritySettings.From(settings);
        if (options.Authentication is { } isAsked) security = security with { IsEnabled = isAsked };
        var builder = WebApplication.CreateSlimBuilder(new WebApplicationOptions { ContentRootPath = AppContext.BaseDirectory });
        builder.Configuration.Sources.Clear();
        builder.Logging.ClearProviders();
        builder.Logging.AddSimpleConsole(console => console.SingleLine = true);
        builder.Logging.Services.Configure<Microsoft.Extensions.Logging.Console.ConsoleLoggerOptions>(
            console => console.LogToStandardErrorThreshold = LogLevel.Trace);
        builder.Logging.SetMinimumLevel(LogLevel.Warning);
        // A start that fails is told in one line by the command; the host would tell it again with a stack trace.
        builder.Logging.AddFilter("Microsoft.Extensions.Hosting.Internal.Host", LogLevel.None);
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxRequestBodySize = BodyBytesMax;
            // Above the limits of RequestGate, which answers with a problem.
            kestrel.Limits.MaxRequestHeadersTotalSize = 2 * RequestGate.HeaderCharsMax;
            kestrel.Limits.MaxRequestHeaderCount = 1_000;
            kestrel.Limits.MaxRequestLineSize = 2 * RequestTarget.CharsMax;
            limits.Apply(kestrel.Limits);
            kestrel.Listen(Host(options.Address), options.Address.Port, listen => Encrypt(listen, options.Certificate));
        });
        // Signals belong to the command line; a handler of the host's own would stop it while it starts.
        builder.Services.AddSingleton<IHostLifetime, CommandLifetime>();
        builder.AddEntityActors(node);
        SecurityHosting.Add(builder.Services, options, security);
        builder.Services.AddSingleton(new ClientRates(limits));
        builder.Services.AddCors();
        EdbEndpoints.Add(builder.Services);
        MetricsHosting.Add(builder.Services);
        ApiDocument.Add(builder.Services);
        var app = builder.Build();
        app.UseMiddleware<ProblemMiddleware>();
        app.UseRouting();
        app.UseMiddleware<ClientRates>();
        if (limits.CorsOrigins is { Length: > 0 } origins)
            app.UseCors(policy => policy.WithOrigins([.. origins]).AllowAnyMethod().AllowAnyHeader().WithExposedHeaders("ETag", "Retry-After"));
        app.UseMiddleware<AccessMiddleware>();
        EntityEndpoints.Map(app);
        LifecycleEndpoints.Map(app);
        RetentionEndpoints.Map(app);
        ContentEndpoints.Map(app);
        TransactionEndpoint.Map(app);
        QueryEndpoints.Map(app);
        RelationEndpoint.Map(app);
        DatasetEndpoints.Map(app);
        ExportEndpoint.Map(app);
        ChangeEndpoint.Map(app);
        ImportEndpoint.Map(app);
        ShardEndpoints.Map(app);
        ClusterEndpoints.Map(app);
        SecurityHosting.Map(app);
        EdbEndpoints.Map(app);
        MetricsHosting.Map(app);
        ApiDocument.Map(app);
        return app;
    }

    private static EntityActorsOptions NodeOptions(ServeOptions options) => new()
    {
        Store = new NodeStoreOptions
        {
            DataDirectory = options.Data, Node = options.Node, ShardCount = options.ShardCount, Limits = EntityLimits.Default,
        },
        Cluster = options.Cluster,
        HoconFiles = options.HoconFiles,
        StopWaiting = options.Stopping,
    };

    private static void Encrypt(ListenOptions listen, HttpCertificate? certificate)
    {
        if (certificate is null) return;
        listen.UseHttps(https =>
        {
            https.ServerCertificate = certificate.Own;
            https.ServerCertificateChain = certificate.Chain;
            https.SslProtocols = SslProtocols.Tls12 | SslProtocols.Tls13;
        });
    }

    /// <summary>Lives until it is told to stop.</summary>
    private sealed class CommandLifetime : IHostLifetime
    {
        public Task WaitForStartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }

    public static IPAddress Host(Uri address) =>
        address.Host == "localhost" ? IPAddress.Loopback : IPAddress.Parse(address.Host.Trim('[', ']'));
}
