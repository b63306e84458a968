using System.Text.Json.Nodes;
using EntityActors.Cluster.Tests.Kill;
using EntityActors.Tests.Shared;
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
    public async Task A_bad_option_is_one_clear_line_and_nothing_is_created(params string[] options)
    {
        using var directory = new TempDirectory();
        var data = directory.File("data");
        var outcome = await EaCommand.RunAsync(EndsWithin, ["serve", "--data", data, "--http", "http://127.0.0.1:0", .. options]);
        AssertRefused(outcome, null);
        Assert.False(Directory.Exists(data), $"{data} was created");
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

    [Fact]
    public async Task Verifying_a_directory_without_a_store_says_so_and_creates_nothing()
    {
        using var directory = new TempDirectory();
        var data = directory.File("nowhere");
        var outcome = await EaCommand.RunAsync(EndsWithin, "verify", "--data", data);
        Assert.True(outcome.ExitCode != 0, outcome.ToString());
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

    private static void AssertRefused(CommandOutcome outcome, string? mentions, int exitCode = UsageOrStartUpError)
    {
        Assert.True(outcome.ExitCode == exitCode, outcome.ToString());
        Assert.True(outcome.ErrorLines.Count == 1, $"not one line on standard error: {outcome}");
        Assert.DoesNotContain("ready ", outcome.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", outcome.Error, StringComparison.Ordinal);
        if (mentions is not null) Assert.Contains(mentions, outcome.Error, StringComparison.OrdinalIgnoreCase);
    }
}
