using System.Text.Json;

namespace EntityActors.Cluster.Tests.Feeds;

/// <summary>A change as a feed, or a history, tells it.</summary>
internal sealed record FeedLine(string Id, long Revision, string At, string RecordedAt, string Added, string Removed, string Lifecycle)
{
    public int Shard { get; init; }

    public long Sequence { get; init; }

    public string? Cursor { get; init; }

    /// <summary>What a history tells too.</summary>
    public FeedLine WithoutPlace() => this with { Shard = 0, Sequence = 0, Cursor = null };

    public static FeedLine OfFeed(JsonElement change) => OfHistory(change) with
    {
        Shard = change.GetProperty("shard").GetInt32(),
        Sequence = change.GetProperty("sequence").GetInt64(),
        Cursor = change.GetProperty("cursor").GetString(),
    };

    public static FeedLine OfHistory(JsonElement change)
    {
        return new FeedLine(Text("id"), change.GetProperty("revision").GetInt64(), Text("at"), Text("recordedAt"),
            change.GetProperty("added").GetRawText(), change.GetProperty("removed").GetRawText(), Text("lifecycle"));

        string Text(string member) => change.GetProperty(member).GetString()!;
    }
}
