using EntityActors.Host.Http;
using EntityActors.Host.Http.OpenApi;
using EntityActors.Host.Security;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;

namespace EntityActors.Host.Telemetry;

/// <summary>The node's numbers in the text format of Prometheus.</summary>
internal static class MetricsHosting
{
    public static void Add(IServiceCollection services)
    {
        services.AddSingleton<StoreMetrics>();
        services.AddOpenTelemetry().ConfigureResource(static resource => resource.AddService("entityactors")).WithMetrics(static metrics => metrics
            .AddMeter(StoreMetrics.MeterName, "Microsoft.AspNetCore.Hosting", "Microsoft.AspNetCore.Server.Kestrel", "System.Runtime")
            .AddPrometheusExporter());
    }

    public static void Map(WebApplication app)
    {
        _ = app.Services.GetRequiredService<StoreMetrics>();
        var scrape = ((IApplicationBuilder)app).New().UseOpenTelemetryPrometheusScrapingEndpoint(static _ => true).Build();
        Delegate answer = (HttpContext context) =>
        {
            _ = RequestReader.Query(context);
            return scrape(context);
        };
        app.MapMethods("/metrics", RequestReader.Reads, answer).Requires("metrics:read")
            .Named("getMetrics", "Health", "The node's numbers, in the text format of Prometheus.")
            .AnswersText(200, "The numbers.", "text/plain")
            .AnswersText(200, "The same for who accepts OpenMetrics.", "application/openmetrics-text");
    }
}
