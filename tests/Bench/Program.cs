using System.CommandLine;
using System.Globalization;
using EntityActors.Bench;
using EntityActors.Bench.Http;
using EntityActors.Bench.Measurement;
using EntityActors.Bench.Scenarios;
using EntityActors.Bench.Stores;
using EntityActors.Bench.Takeover;

var scenario = new Argument<string>("scenario") { Description = "writes | reads | queries | size | start | idle | feed | large | http | takeover | rolling" };
var runs = new Option<int>("--runs") { Description = "repetitions; figures are medians", DefaultValueFactory = _ => 3 };
var seconds = new Option<double>("--seconds") { Description = "length of one measured load", DefaultValueFactory = _ => 5 };
var entities = new Option<int>("--entities") { Description = "entities loaded first", DefaultValueFactory = _ => 100_000 };
var writers = new Option<int[]>("--writers")
{
    Description = "numbers of concurrent writers", DefaultValueFactory = _ => [1, 16, 64, 256], AllowMultipleArgumentsPerToken = true,
};
var stores = new Option<string[]>("--stores")
{
    Description = $"only these: {string.Join(", ", BenchStores.Names)}", DefaultValueFactory = _ => [], AllowMultipleArgumentsPerToken = true,
};
var data = new Option<string>("--data") { Description = "directory on the disk to measure", DefaultValueFactory = _ => Directory.GetCurrentDirectory() };
var seed = new Option<long>("--seed") { Description = "seed of the workload", DefaultValueFactory = _ => 1 };
var nodes = new Option<int>("--nodes") { Description = "takeover, rolling: nodes of the cluster", DefaultValueFactory = _ => 3 };
var shards = new Option<int>("--shards") { Description = "takeover, rolling: shards of the store", DefaultValueFactory = _ => 64 };
var repetitions = new Option<int>("--repetitions") { Description = "takeover: how often it happens", DefaultValueFactory = _ => 30 };
var kind = new Option<TakeoverKind>("--kind") { Description = "takeover: what happens to a node", DefaultValueFactory = _ => TakeoverKind.Kill };
var pace = new Option<int>("--pace") { Description = "takeover: milliseconds between two writes to a shard", DefaultValueFactory = _ => 50 };
var connections = new Option<int>("--connections") { Description = "http: connections, each with one request at a time", DefaultValueFactory = _ => 64 };
var postgres = new Option<string?>("--postgres") { Description = "of the API's own process", Hidden = true };
var hocon = new Option<string?>("--hocon") { Description = "takeover: settings over the built-in ones" };
var outFile = new Option<string?>("--out") { Description = "file the tables are appended to" };

var command = new RootCommand("Measures the store beside its peers in the same run.");
command.Arguments.Add(scenario);
Option[] all = [runs, seconds, entities, writers, stores, data, seed, outFile, nodes, shards, repetitions, kind, pace, hocon, connections, postgres];
foreach (var option in all) command.Options.Add(option);
command.SetAction(async (parsed, cancellation) =>
{
    var options = new BenchOptions(parsed.GetValue(runs), TimeSpan.FromSeconds(parsed.GetValue(seconds)), parsed.GetValue(entities),
        parsed.GetValue(writers)!, parsed.GetValue(stores)!, Path.GetFullPath(parsed.GetValue(data)!), parsed.GetValue(seed));
    var unknown = options.Stores.Except(BenchStores.Names, StringComparer.OrdinalIgnoreCase).ToList();
    if (options.Runs < 1 || options.Entities < 1 || options.Duration <= TimeSpan.Zero || unknown.Count > 0)
    {
        Console.Error.WriteLine(unknown.Count > 0 ? $"unknown store: {string.Join(", ", unknown)}" : "runs, entities and seconds are at least 1");
        return 1;
    }

    MarkdownTable table;
    switch (parsed.GetValue(scenario))
    {
        case "writes": table = await WritesScenario.RunAsync(options); break;
        case "reads": table = await ReadsScenario.ReadsAsync(options); break;
        case "queries": table = await ReadsScenario.QueriesAsync(options); break;
        case "size": table = await SizeScenario.RunAsync(options); break;
        case "start": table = await ServerScenarios.StartAsync(options); break;
        case "idle": table = await ServerScenarios.IdleAsync(options); break;
        case "takeover":
            table = await TakeoverScenario.RunAsync(new TakeoverOptions(parsed.GetValue(kind), parsed.GetValue(nodes), parsed.GetValue(shards),
                parsed.GetValue(repetitions), parsed.GetValue(hocon), Path.GetFullPath(parsed.GetValue(data)!), TimeSpan.FromMilliseconds(parsed.GetValue(pace))));
            break;
        case "rolling": table = await RollingScenario.RunAsync(options, parsed.GetValue(nodes), parsed.GetValue(shards)); break;
        case "large": table = await LargeContentScenario.RunAsync(options); break;
        case "http": table = await HttpScenario.RunAsync(options, parsed.GetValue(connections)); break;
        case "feed": table = await FeedScenario.RunAsync(options); break;
        case SizeScenario.ChildCommand:
            await SizeScenario.RunOneAsync(options, options.Stores.Single());
            return 0;
        case PostgresApi.ChildCommand:
            await PostgresApi.RunAsync(parsed.GetValue(postgres)!, parsed.GetValue(connections));
            return 0;
        default:
            Console.Error.WriteLine($"unknown scenario {parsed.GetValue(scenario)}");
            return 1;
    }

    var text = $"{table}\n{Environment.ProcessorCount} cores, .NET {Environment.Version}, "
        + $"{TimeProvider.System.GetUtcNow().ToString("yyyy-MM-dd HH:mm", CultureInfo.InvariantCulture)} UTC\n";
    Console.WriteLine(text);
    if (parsed.GetValue(outFile) is { } path) await File.AppendAllTextAsync(path, text + "\n", cancellation);
    return 0;
});
return await command.Parse(args).InvokeAsync();
