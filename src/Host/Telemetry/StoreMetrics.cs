using System.Diagnostics.Metrics;
using System.Text.Json;
using EntityActors.Actors.Hosting;
using EntityActors.Actors.Protocol;
using EntityActors.Actors.Shards;
using EntityActors.Storage.CommitLog;

namespace EntityActors.Host.Telemetry;

/// <summary>What a node tells of its store: read from counts that it keeps anyway, when somebody asks. Nothing of it is stored.</summary>
/// <remarks>Names and units follow the conventions of OpenTelemetry. No name of a dataset, an entity or a user is a label.</remarks>
internal sealed class StoreMetrics : IDisposable
{
    /// <summary>Name of the meter, and first part of every name.</summary>
    public const string MeterName = "entityactors";

    private readonly Meter _meter;

    public StoreMetrics(IMeterFactory meters, NodeStoreService node, ShardReadiness shards)
    {
        _meter = meters.Create(MeterName);
        Count("log.groups", "{group}", "Group commits: one write and one sync each.", static log => log.Groups);
        Count("log.records", "{record}", "Events and their companions written to the log.", static log => log.Records);
        Count("log.written", "By", "Bytes of these records.", static log => log.RecordBytes);
        _meter.CreateObservableCounter($"{MeterName}.log.sync.time", () => node.Store.Log.Statistics.SyncTotal.TotalSeconds, "s",
            "Time spent in syncs of the log.");
        Gauge("log.files", "{file}", "Files of the current log.", static log => log.Files);
        Gauge("log.size", "By", "Bytes of these files.", static log => log.Bytes);
        Gauge("log.dead", "{log}", "Logs of dead processes that a shard still needs.", static log => log.DeadLogs);
        _meter.CreateObservableGauge($"{MeterName}.damage", () => node.Store.Damage.OpenCount, "{place}", "Damaged places that were found and are not mended.");
        _meter.CreateObservableGauge($"{MeterName}.shards", () => Shards(shards), "{shard}",
            "Shards of the store as this node's own owners say; unknown: not its own.");

        void Count(string name, string unit, string description, Func<LogStatistics, long> value) =>
            _meter.CreateObservableCounter($"{MeterName}.{name}", () => value(node.Store.Log.Statistics), unit, description);

        void Gauge(string name, string unit, string description, Func<LogStatistics, long> value) =>
            _meter.CreateObservableGauge($"{MeterName}.{name}", () => value(node.Store.Log.Statistics), unit, description);
    }

    public void Dispose() => _meter.Dispose();

    private static IEnumerable<Measurement<int>> Shards(ShardReadiness shards) => shards.Statuses()
        .CountBy(static status => status)
        .Select(static pair => new Measurement<int>(pair.Value, KeyValuePair.Create("status", (object?)Name(pair.Key))));

    private static string Name(ShardStatus status) => JsonNamingPolicy.CamelCase.ConvertName(status.ToString());
}
