using System.Text;
using Xunit;

namespace EntityActors.Host.Tests.Http;

/// <summary>POST …/import: good lines are applied, bad ones named, one by one.</summary>
public sealed class ImportEndpointTests(StoreFixture store) : IClassFixture<StoreFixture>
{
    [Fact]
    public async Task Good_lines_are_applied_with_their_own_times_and_again_they_are_duplicates()
    {
        const string Lines = """
            {"at":1000000000000000000,"op":"put","id":"a/b","tags":["v:1"],"content":{"n":1}}

            {"at":"2001-09-09T01:46:40.000000001Z","op":"put","id":"a/b","tags":["v:2"]}
            {"at":1000000000000000002,"op":"delete","id":"a/b"}
            """;
        var first = await ImportAsync("good", "\uFEFF" + Lines.ReplaceLineEndings("\r\n"));
        Assert.Equal("""{"applied":3,"duplicate":0,"rejected":[],"rejectedCount":0}""", first);
        Assert.Equal("""{"applied":0,"duplicate":3,"rejected":[],"rejectedCount":0}""", await ImportAsync("good", Lines + "\n"));
        var history = await store.Store.HistoryAsync("good", "a/b");
        Assert.Equal([0L, 1L, 2L], history.Select(change => change.At - 1_000_000_000_000_000_000));
        Assert.Equal(1, await store.Store.CountAsync("good", ["v:1"], 1_000_000_000_000_000_000));
    }

    [Theory]
    [InlineData("nonsense", "invalid")]
    [InlineData("[]", "invalid")]
    [InlineData("{}", "invalid")]
    [InlineData("""{"at":1,"op":"put","id":"x"}""", "invalid")]
    [InlineData("""{"op":"put","id":"x","tags":[]}""", "invalid")]
    [InlineData("""{"at":1,"op":"merge","id":"x","tags":[]}""", "invalid")]
    [InlineData("""{"at":1,"op":"put","id":"","tags":[]}""", "invalid")]
    [InlineData("""{"at":1,"op":"put","id":"..","tags":[]}""", "invalid")]
    [InlineData("""{"at":1,"op":"put","id":"\u0000","tags":[]}""", "invalid")]
    [InlineData("""{"at":1,"op":"put","id":"\ud800","tags":[]}""", "invalid")]
    [InlineData("""{"at":1,"op":"put","id":"x","tags":["\udc00:1"]}""", "invalid")]
    [InlineData("""{"at":1,"op":"put","id":"x","tags":[],"contentBase64":"\ud800"}""", "invalid")]
    [InlineData("""{"at":1,"op":"put","id":"x","tags":[],"contentType":"\ud800","content":1}""", "invalid")]
    [InlineData("""{"at":1,"op":"put","id":"x","tags":[],"\ud800":1}""", "invalid")]
    [InlineData("""{"at":1,"op":"put","id":"x","tags":[],"color":"red"}""", "invalid")]
    [InlineData("""{"at":1,"op":"put","id":"x","tags":[],"at":2}""", "invalid")]
    [InlineData("""{"at":9000000000000000000,"op":"put","id":"x","tags":[]}""", "at_in_future")]
    [InlineData("""{"at":1,"op":"delete","id":"never"}""", "not_found")]
    public async Task A_bad_line_is_named_and_the_others_are_applied(string line, string code)
    {
        var dataset = "bad-" + Convert.ToHexString(System.Security.Cryptography.SHA256.HashData(Encoding.UTF8.GetBytes(line)))[..20];
        var answer = await ImportAsync(dataset, $$"""{"at":5,"op":"put","id":"before","tags":[]}{{"\n"}}{{line}}{{"\n"}}{"at":6,"op":"put","id":"after","tags":[]}""");
        Assert.StartsWith("""{"applied":2,"duplicate":0,"rejected":[{"line":2,"code":""" + $"\"{code}\"", answer, StringComparison.Ordinal);
        Assert.Equal(2, await store.Store.CountAsync(dataset, []));
    }

    [Fact]
    public async Task A_line_that_is_no_UTF8_or_too_long_is_named_and_the_others_are_applied()
    {
        using var body = new MemoryStream();
        body.Write("""{"at":5,"op":"put","id":"before","tags":[]}"""u8);
        body.Write("\n{\"at\":5,\"op\":\"put\",\"id\":\"\u00ff\",\"tags\":[]}\n"u8.ToArray().Select(value => value == 0xC3 ? (byte)0xFF : value).ToArray());
        body.Write(Enumerable.Repeat((byte)'x', (24 * 1024 * 1024) + 1).ToArray());
        body.Write("\n{\"at\":6,\"op\":\"put\",\"id\":\"after\",\"tags\":[]}"u8);
        body.Position = 0;
        var answer = await store.Store.ImportAsync("bytes", body);
        Assert.Equal((2L, 0L), (answer.Applied, answer.Duplicate));
        Assert.Equal([(2, "invalid"), (3, "content_too_large")], answer.Rejected.Select(rejection => (rejection.Line, rejection.Code)));
    }

    [Fact]
    public async Task An_import_into_no_dataset_is_refused()
    {
        var before = await store.SequenceSumAsync();
        var answer = await store.Http.SendAsync("POST", "/v1/datasets/no%20name/import", """{"at":5,"op":"put","id":"x","tags":[]}""");
        Assert.Equal((400, "invalid"), (answer.Status, answer.Code));
        Assert.Equal(before, await store.SequenceSumAsync());
    }

    private async Task<string> ImportAsync(string dataset, string lines)
    {
        var answer = await store.Http.SendAsync("POST", $"/v1/datasets/{dataset}/import", lines, "Content-Type: application/x-ndjson");
        Assert.True(answer.Status == 200, answer.ToString());
        return answer.Body;
    }
}
