using System.CommandLine;
using System.Text.Json;

namespace EntityActors.Host.Cli;

/// <summary>Results on standard output: the API's bytes as they came, or text for people.</summary>
internal static class ResultWriter
{
    public static async Task WriteAsync(StoreApi api, ParseResult result, byte[] answer, Func<JsonElement, string> readable)
    {
        if (result.GetValue(StoreApi.JsonOption))
        {
            await RawAsync(answer);
            return;
        }

        using var json = api.Parse(answer);
        await Console.Out.WriteLineAsync(readable(json.RootElement));
    }

    /// <summary>The bytes and a line end, never decoded and encoded again.</summary>
    public static async Task RawAsync(ReadOnlyMemory<byte> json)
    {
        await using var output = Console.OpenStandardOutput();
        await output.WriteAsync(json);
        await output.WriteAsync("\n"u8.ToArray());
    }
}
