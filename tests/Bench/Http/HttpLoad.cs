using System.Text.Json;
using EntityActors.Bench.Measurement;
using EntityActors.Bench.Stores;

namespace EntityActors.Bench.Http;

/// <summary>The load of one server: the same requests, in the same order, as that of any other.</summary>
internal sealed class HttpLoad : IDisposable
{
    private const int BodyCount = 20_000;
    private readonly IHttpServer _server;
    private readonly BenchOptions _options;
    private readonly int _connections;
    private readonly HttpEntities _entities;
    private readonly byte[][] _bodies;
    private int _draws;
    private int _added;
    private int _updates;

    public HttpLoad(IHttpServer server, BenchOptions options, int connections)
    {
        (_server, _options, _connections) = (server, options, connections);
        _entities = new HttpEntities(server.Address, connections);
        _bodies = [.. new Workload(options.Seed).Make(0, BodyCount).Select(HttpEntities.BodyOf)];
    }

    public string Name => _server.Name;

    /// <summary>Changes that were acknowledged so far.</summary>
    public long Acknowledged => _options.Entities + _added + _updates;

    public List<HttpReading> Puts { get; } = [];

    public List<HttpReading> Gets { get; } = [];

    /// <summary>Puts the first entities, which also warms both ends up.</summary>
    public Task FillAsync() => Load.RunAsync(_connections, TimeSpan.FromHours(1), _options.Entities, number => _entities.PutAsync(Workload.IdOf(number), BodyOf(number), isNew: true));

    public Task WarmReadsAsync(TimeSpan duration) => Load.RunAsync(_connections, duration, int.MaxValue, _ => GetAsync());

    /// <summary>Every other request puts a new entity, the others new tags and content of one that is there.</summary>
    public async Task MeasurePutsAsync() => Puts.Add(await MeasureAsync(number => number % 2 == 0 ? AddAsync() : UpdateAsync()));

    public async Task MeasureGetsAsync() => Gets.Add(await MeasureAsync(_ => GetAsync()));

    /// <summary>Member names of what the server answers to the first and second PUT of an entity and to its GET, and the state that it then gives.</summary>
    /// <remarks>One more entity than the load's; it is counted as one of them.</remarks>
    public async Task<string> ShapeAsync()
    {
        var id = Workload.IdOf(_options.Entities + _added++);
        var answers = new[] { await _entities.PutAsync(id, BodyOf(0), isNew: true), await _entities.PutAsync(id, BodyOf(1), isNew: false), await _entities.GetAsync(id) };
        _updates++;
        using var entity = JsonDocument.Parse(answers[2]);
        string[] state = ["revision", "lifecycle", "tags", "contentType", "contentLength", "content"];
        return string.Join('\n', answers.Select(Members).Concat(state.Select(member => $"{member}={entity.RootElement.GetProperty(member)}")));
    }

    /// <summary>No update was lost: the revisions of the first entities add up to what was acknowledged of them.</summary>
    /// <exception cref="InvalidDataException">They do not.</exception>
    public async Task CheckRevisionsAsync()
    {
        var sum = 0L;
        await Load.RunAsync(_connections, TimeSpan.FromHours(1), _options.Entities, async number => Interlocked.Add(ref sum, Revision(await _entities.GetAsync(Workload.IdOf(number)))));
        // The entity of ShapeAsync has had its update apart from them.
        var expected = _options.Entities + _updates - 1L;
        if (sum != expected) throw new InvalidDataException($"{Name}: revisions add up to {sum} instead of {expected}");
    }

    public void Dispose() => _entities.Dispose();

    private async Task<HttpReading> MeasureAsync(Func<int, Task> operation)
    {
        GC.Collect();
        var (server, client) = (_server.CpuSeconds, Environment.CpuUsage.TotalTime);
        var count = 0;
        var rate = await Load.RunAsync(_connections, _options.Duration, int.MaxValue, number =>
        {
            Interlocked.Increment(ref count);
            return operation(number);
        });
        return new HttpReading(rate, (_server.CpuSeconds - server) * 1e6 / count, (Environment.CpuUsage.TotalTime - client).TotalMicroseconds / count);
    }

    private Task<byte[]> AddAsync()
    {
        var number = _options.Entities + Interlocked.Increment(ref _added) - 1;
        return _entities.PutAsync(Workload.IdOf(number), BodyOf(number), isNew: true);
    }

    private Task<byte[]> UpdateAsync()
    {
        var draw = Interlocked.Increment(ref _updates);
        return _entities.PutAsync(Workload.IdOf(Draw()), BodyOf(draw), isNew: false);
    }

    private async Task GetAsync()
    {
        var bytes = await _entities.GetAsync(Workload.IdOf(Draw()));
        if (bytes.Length < Workload.ContentBytes) throw new InvalidDataException($"{Name} gave an entity of {bytes.Length} bytes");
    }

    /// <summary>One of the first entities, spread evenly; a server sees the same draws as the others.</summary>
    private int Draw() => (int)((uint)Interlocked.Increment(ref _draws) * 2_654_435_761u % (uint)_options.Entities);

    private byte[] BodyOf(int number) => _bodies[number % BodyCount];

    private static long Revision(byte[] entity)
    {
        using var json = JsonDocument.Parse(entity);
        return json.RootElement.GetProperty("revision").GetInt64();
    }

    private static string Members(byte[] answer)
    {
        using var json = JsonDocument.Parse(answer);
        return string.Join(',', json.RootElement.EnumerateObject().Select(member => member.Name));
    }
}
