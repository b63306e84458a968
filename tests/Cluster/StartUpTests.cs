using System.Text.Json.Nodes;
using EntityActors.Tests.Shared;
using EntityActors.Tests.Shared.Http;
using EntityActors.Tests.Shared.Processes;
using Xunit;

namespace EntityActors.Cluster.Tests;

/// <summary>What a server must refuse to start on: exit code, one clear line on standard error, and not a byte changed.</summary>
public sealed class StartUpTests
{
    private const int UsageOrStartUpError = 1;
    private const int Unavailable = 5;
    private const int Damage = 6;
    private static readonly TimeSpan EndsWithin = TimeSpan.FromSeconds(60);
    private static readonly string[] WrittenByTimer = ["clock", "lock"];

    [Theory]
    [InlineData("--no-such-option")]
    [InlineData("--shards", "0")]
    [InlineData("--shards", "many")]
    [InlineData("--shards", "-3")]
    [InlineData("--http", "not a url")]
    [InlineData("--hocon", "/no/such/file.hocon")]
    [InlineData("--shards", "4097")]
    [InlineData("--http", "http://0.0.0.0:0")]
    [InlineData("--http", "https://127.0.0.1:0")]
    [InlineData("--http", "http://127.0.0.1:0/path")]
    [InlineData("--http", "http://127.0.0.1:65536")]
    [InlineData("surplus")]
    [InlineData("--cluster-port", "65536")]
    [InlineData("--cluster-port", "0", "--host", "no host")]
    [InlineData("--cluster-port", "0", "--host", "10.1.2.3")]
    [InlineData("--cluster-port", "0", "--seed", "127.0.0.1")]
    [InlineData("--cluster-port", "0", "--seed", "127.0.0.1:0")]
    [InlineData("--cluster-port", "0", "--node", "a/b")]
    [InlineData("--seed", "127.0.0.1:2551")]
    [InlineData("--host", "127.0.0.1")]
    public async Task A_bad_option_is_one_clear_line_and_nothing_is_created(params string[] options)
    {
        using var directory = new TempDirectory();
        var data = directory.File("data");
        var outcome = await EaCommand.RunAsync(EndsWithin, ["serve", "--data", data, "--http", "http://127.0.0.1:0", .. options]);
        AssertRefused(outcome, null);
        Assert.False(Directory.Exists(data), $"{data} was created");
    }

    [Theory]
    [InlineData("SHARDS", "many")]
    [InlineData("CLUSTER_PORT", "any")]
    [InlineData("SHARDS", "0")]
    [InlineData("HTTP", "nonsense")]
    [InlineData("HOCON", "/no/such/file.hocon")]
    public async Task A_bad_setting_of_the_environment_is_one_clear_line_and_nothing_is_created(string name, string value)
    {
        using var directory = new TempDirectory();
        var info = EaCommand.StartInfo([]);
        info.Environment["ENTITYACTORS_DATA"] = directory.File("data");
        info.Environment["ENTITYACTORS_HTTP"] = "http://127.0.0.1:0";
        info.Environment["ENTITYACTORS_" + name] = value;
        AssertRefused(await EaCommand.RunAsync(EndsWithin, info, default), value);
        Assert.Empty(Directory.GetFileSystemEntries(directory.Path));
    }

    [Theory]
    [InlineData("entityactors.checkpoint.bytes = nonsense")]
    [InlineData("entityactors.segments.merge-fan-in = 1")]
    [InlineData("entityactors.log.file-bytes = ${nowhere}")]
    public async Task A_setting_that_cannot_be_used_is_one_clear_line_and_nothing_is_created(string hocon)
    {
        using var directory = new TempDirectory();
        var file = directory.File("my.hocon");
        await File.WriteAllTextAsync(file, hocon);
        AssertRefused(await EaCommand.RunAsync(EndsWithin, "serve", "--data", directory.File("data"), "--http", "http://127.0.0.1:0", "--hocon", file), "my.hocon");
        Assert.Equal([file], Directory.GetFileSystemEntries(directory.Path));
    }

    [Theory]
    [InlineData("serve")]
    [InlineData("up")]
    public async Task An_address_that_is_taken_is_refused_before_anything_is_created(string command)
    {
        using var taken = new System.Net.Sockets.TcpListener(System.Net.IPAddress.Loopback, 0);
        taken.Start();
        using var directory = new TempDirectory();
        AssertRefused(await EaCommand.RunAsync(EndsWithin, command, "--data", directory.File("data"), "--http", $"http://{taken.LocalEndpoint}"),
            taken.LocalEndpoint.ToString(), Unavailable);
        Assert.Empty(Directory.GetFileSystemEntries(directory.Path));
    }

    [Theory]
    [InlineData("")]
    [InlineData("/below")]
    public async Task A_file_where_the_directory_should_be_is_left_alone(string below)
    {
        using var directory = new TempDirectory();
        var file = directory.File("file");
        await File.WriteAllTextAsync(file, "mine");
        AssertRefused(await EaCommand.RunAsync(EndsWithin, "serve", "--data", file + below, "--http", "http://127.0.0.1:0"), file);
        Assert.Equal("mine", await File.ReadAllTextAsync(file));
    }

    [Fact]
    public async Task A_directory_of_something_else_is_left_alone()
    {
        using var directory = new TempDirectory();
        await File.WriteAllTextAsync(directory.File("thesis.tex"), "years of work");
        Directory.CreateDirectory(directory.File("photos"));
        await File.WriteAllTextAsync(directory.File("photos/cat.jpg"), "a cat");
        await AssertRefusesUnchangedAsync(directory.Path, directory.Path);
    }

    [Fact]
    public async Task A_store_of_a_newer_format_is_left_alone()
    {
        using var directory = new TempDirectory();
        var data = await MakeStoreAsync(directory);
        var descriptor = Path.Combine(data, "store.json");
        var json = JsonNode.Parse(await File.ReadAllTextAsync(descriptor))!.AsObject();
        var format = json.First(field => field.Key.Contains("format", StringComparison.OrdinalIgnoreCase)).Key;
        json[format] = 1_000;
        await File.WriteAllTextAsync(descriptor, json.ToJsonString());
        await AssertRefusesUnchangedAsync(data, "format");
    }

    [Fact]
    public async Task A_damaged_store_descriptor_is_not_replaced_by_an_empty_store()
    {
        using var directory = new TempDirectory();
        var data = await MakeStoreAsync(directory);
        await File.WriteAllTextAsync(Path.Combine(data, "store.json"), "{ \"form");
        await AssertRefusesUnchangedAsync(Damage, data, "store.json");
    }

    [Fact]
    public async Task A_store_that_lost_its_descriptor_is_not_taken_for_an_empty_directory()
    {
        using var directory = new TempDirectory();
        var data = await MakeStoreAsync(directory);
        File.Delete(Path.Combine(data, "store.json"));
        await AssertRefusesUnchangedAsync(data, null);
    }

    [Theory]
    [InlineData("shardCount", "9")]
    [InlineData("storeId", "\"11111111-2222-3333-4444-555555555555\"")]
    [InlineData("hash", "\"other\"")]
    [InlineData("format", "0")]
    public async Task A_changed_store_descriptor_is_damage(string member, string value)
    {
        using var directory = new TempDirectory();
        var data = await MakeStoreAsync(directory);
        var descriptor = Path.Combine(data, "store.json");
        var json = JsonNode.Parse(await File.ReadAllTextAsync(descriptor))!.AsObject();
        Assert.True(json.ContainsKey(member), $"store.json has no {member}");
        json[member] = JsonNode.Parse(value);
        await File.WriteAllTextAsync(descriptor, json.ToJsonString());
        await AssertRefusesUnchangedAsync(Damage, data, "store.json");
    }

    [Fact]
    public async Task Another_shard_count_than_at_creation_is_refused()
    {
        using var directory = new TempDirectory();
        var data = await MakeStoreAsync(directory);
        await AssertRefusesUnchangedAsync(data, "shard", "--shards", "9");
    }

    [Fact]
    public async Task A_directory_in_use_by_another_process_is_refused_and_the_other_goes_on()
    {
        using var directory = new TempDirectory();
        var data = directory.File("data");
        await using var first = await ServerProcess.StartAsync(new ServerOptions(data, TinyThresholds.ShardCount));
        await AssertRefusesUnchangedAsync(data, "use");
        Assert.False(first.HasExited);
    }

    [SkippableFact]
    public async Task A_read_only_directory_is_refused()
    {
        var reason = SmallFileSystem.Unavailable();
        Skip.If(reason is not null, reason);
        using var disk = new SmallFileSystem(48);
        var data = Path.Combine(disk.Path, "data");
        Directory.CreateDirectory(data);
        disk.Remount(readOnly: true);
        await AssertRefusesUnchangedAsync(data, data);
    }

    [SkippableFact]
    public async Task A_full_disk_is_refused_and_nothing_is_left_behind()
    {
        var reason = SmallFileSystem.Unavailable();
        Skip.If(reason is not null, reason);
        using var disk = new SmallFileSystem(16);
        disk.AddBallast(freeBytes: 0);
        var outcome = await EaCommand.RunAsync(EndsWithin, "serve", "--data", Path.Combine(disk.Path, "data"), "--http", "http://127.0.0.1:0");
        AssertRefused(outcome, null, Unavailable);
    }

    [Theory]
    [InlineData("verify")]
    [InlineData("inspect")]
    public async Task A_store_in_use_is_not_read_under_its_owner_and_the_answer_says_what_to_do(string command)
    {
        using var directory = new TempDirectory();
        var data = directory.File("data");
        await using var server = await ServerProcess.StartAsync(new ServerOptions(data, TinyThresholds.ShardCount));
        var outcome = await EaCommand.RunAsync(EndsWithin, command, "--data", data);
        AssertRefused(outcome, "ea verify --server");
        Assert.Contains("in use", outcome.Error, StringComparison.Ordinal);
        var through = await EaCommand.RunAsync(EndsWithin, "verify", "--server", server.BaseAddress.ToString());
        Assert.True(through.ExitCode == 0, through.ToString());
        Assert.Equal(0, await server.TerminateAsync());
        Assert.Equal(0, (await EaCommand.RunAsync(EndsWithin, command, "--data", data)).ExitCode);
    }

    [Theory]
    [InlineData("verify")]
    [InlineData("inspect")]
    public async Task Damage_is_found_named_and_exit_code_6(string command)
    {
        using var directory = new TempDirectory();
        var data = directory.File("data");
        await using (var server = await ServerProcess.StartAsync(new ServerOptions(data, 1)))
        {
            using var http = new StoreHttp(server.BaseAddress);
            await http.PutAsync("d", "x", ["a:1"], "1");
            using var done = await http.Raw.PostAsync(new Uri("/v1/shards/0/checkpoint", UriKind.Relative), null);
            Assert.Equal(0, await server.TerminateAsync());
        }

        var segment = Assert.Single(Directory.GetFiles(data, "*.seg", SearchOption.AllDirectories));
        var bytes = await File.ReadAllBytesAsync(segment);
        bytes[40] ^= 1;
        await File.WriteAllBytesAsync(segment, bytes);
        var before = DirectoryFingerprint.Of(data, WrittenByTimer);
        var outcome = await EaCommand.RunAsync(EndsWithin, command, "--data", data);
        Assert.True(outcome.ExitCode == Damage, outcome.ToString());
        Assert.Contains(Path.GetFileName(segment), outcome.Output, StringComparison.Ordinal);
        Assert.Empty(DirectoryFingerprint.Differences(before, DirectoryFingerprint.Of(data, WrittenByTimer)));
    }

    [Theory]
    [InlineData("verify")]
    [InlineData("audit", "verify")]
    public async Task Verifying_a_directory_without_a_store_says_so_and_creates_nothing(params string[] command)
    {
        using var directory = new TempDirectory();
        var data = directory.File("nowhere");
        var outcome = await EaCommand.RunAsync(EndsWithin, [.. command, "--data", data]);
        Assert.True(outcome.ExitCode != 0 && outcome.ErrorLines.Count > 0, outcome.ToString());
        Assert.False(Directory.Exists(data), $"{data} was created");
    }

    private static async Task<string> MakeStoreAsync(TempDirectory directory)
    {
        var data = directory.File("data");
        await using var server = await ServerProcess.StartAsync(new ServerOptions(data, TinyThresholds.ShardCount));
        Assert.Equal(0, await server.TerminateAsync());
        return data;
    }

    private static Task AssertRefusesUnchangedAsync(string data, string? mentions, params string[] options) =>
        AssertRefusesUnchangedAsync(UsageOrStartUpError, data, mentions, options);

    private static async Task AssertRefusesUnchangedAsync(int exitCode, string data, string? mentions, params string[] options)
    {
        var before = DirectoryFingerprint.Of(data, WrittenByTimer);
        var outcome = await EaCommand.RunAsync(EndsWithin, ["serve", "--data", data, "--http", "http://127.0.0.1:0", .. options]);
        AssertRefused(outcome, mentions, exitCode);
        var changed = DirectoryFingerprint.Differences(before, DirectoryFingerprint.Of(data, WrittenByTimer));
        Assert.True(changed.Count == 0, $"changed: {string.Join(", ", changed)}");
    }

    internal static void AssertRefused(CommandOutcome outcome, string? mentions, int exitCode = UsageOrStartUpError)
    {
        Assert.True(outcome.ExitCode == exitCode, outcome.ToString());
        Assert.True(outcome.ErrorLines.Count == 1, $"not one line on standard error: {outcome}");
        Assert.DoesNotContain("ready ", outcome.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", outcome.Error, StringComparison.Ordinal);
        if (mentions is not null) Assert.Contains(mentions, outcome.Error, StringComparison.OrdinalIgnoreCase);
    }
}
