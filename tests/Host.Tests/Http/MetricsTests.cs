using System.Globalization;
using Xunit;

namespace EntityActors.Host.Tests.Http;

/// <summary>What a node tells of itself.</summary>
public sealed class MetricsTests(StoreFixture store) : IClassFixture<StoreFixture>
{
    private const string Dataset = "measured";

    [Fact]
    public async Task The_numbers_of_a_node_follow_what_it_does()
    {
        var before = await ReadAsync();
        Assert.Equal(StoreFixture.ShardCount, before["entityactors_shards{status=serving}"]);
        Assert.Equal(0, before["entityactors_damage"]);
        for (var i = 0; i < 3; i++) await store.Store.PutAsync(Dataset, $"secret-{i}", ["hidden:1"], "1");
        var after = await ReadAsync();
        Assert.True(after["entityactors_log_records_total"] >= before["entityactors_log_records_total"] + 3);
        foreach (var name in new[] { "entityactors_log_groups_total", "entityactors_log_written_bytes_total", "entityactors_log_sync_time_seconds_total" })
            Assert.True(after[name] > before[name], $"{name}: {before[name]}, then {after[name]}");
        Assert.True(after["entityactors_log_files"] >= 1);
        Assert.True(after["entityactors_log_size_bytes"] >= after["entityactors_log_files"]);
        Assert.Equal(0, after["entityactors_log_dead"]);
    }

    [Fact]
    public async Task No_name_of_what_is_stored_is_among_them_and_reading_them_stores_nothing()
    {
        await store.Store.PutAsync(Dataset, "secret-name", ["hidden:2"], "1");
        var records = (await ReadAsync())["entityactors_log_records_total"];
        for (var i = 0; i < 20; i++) await store.Http.GetAsync("/metrics");
        // The text is kept for a moment.
        await Task.Delay(TimeSpan.FromSeconds(1));
        var text = (await store.Http.GetAsync("/metrics")).Body;
        Assert.Contains("http_route=\"/v1/datasets/{ds}/entities/{id}\"", text, StringComparison.Ordinal);
        foreach (var name in new[] { "secret-name", "hidden", Dataset }) Assert.DoesNotContain(name, text, StringComparison.Ordinal);
        Assert.Equal(records, (await ReadAsync())["entityactors_log_records_total"]);
    }

    [Fact]
    public async Task They_are_text_and_have_no_parameters()
    {
        var answer = await store.Http.GetAsync("/metrics");
        Assert.Equal((200, "text/plain"), (answer.Status, answer.ContentType));
        Assert.Equal("application/openmetrics-text", (await store.Http.SendAsync("GET", "/metrics", (string?)null, "Accept: application/openmetrics-text")).ContentType);
        Assert.Equal(400, (await store.Http.GetAsync("/metrics?name=x")).Status);
        Assert.Equal(405, (await store.Http.SendAsync("POST", "/metrics", (string?)null)).Status);
    }

    /// <summary>Values by name, those of the store with their labels but for the one that names the meter.</summary>
    private async Task<Dictionary<string, double>> ReadAsync()
    {
        // The text is kept for a moment.
        await Task.Delay(TimeSpan.FromSeconds(1));
        var answer = await store.Http.GetAsync("/metrics");
        Assert.Equal(200, answer.Status);
        var values = new Dictionary<string, double>(StringComparer.Ordinal);
        foreach (var line in answer.Body.Split('\n').Where(static line => line.StartsWith("entityactors_", StringComparison.Ordinal)))
        {
            // NAME{LABELS} VALUE [TIME], the labels only where there are some.
            var name = line[..line.IndexOfAny([' ', '{'])];
            var value = line[(line.Contains('}', StringComparison.Ordinal) ? line.IndexOf('}', StringComparison.Ordinal) + 1 : name.Length)..].Trim().Split(' ')[0];
            var status = line.Split("status=\"") is [_, var rest, ..] ? $"{{status={rest[..rest.IndexOf('"', StringComparison.Ordinal)]}}}" : "";
            values[name + status] = double.Parse(value, CultureInfo.InvariantCulture);
        }

        return values;
    }
}
