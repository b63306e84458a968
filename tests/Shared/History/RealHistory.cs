using System.Collections.Immutable;
using System.IO.Compression;
using System.Text.Json;

namespace EntityActors.Tests.Shared.History;

/// <summary>The recorded git history of akka.net: 70,419 changes of 10,356 paths, oldest first.</summary>
public static class RealHistory
{
    /// <summary>Lines of the file.</summary>
    public const int LineCount = 70_419;

    /// <summary>Different ids in the file.</summary>
    public const int IdCount = 10_356;

    /// <summary>Ids that were ever written; the file only deletes the other 14.</summary>
    public const int EntityCount = 10_342;

    /// <summary>Entities live after the last line.</summary>
    public const int LiveAtTheEnd = 2_837;

    /// <summary>The compressed file, which the build copies next to every test assembly.</summary>
    public static string Path => System.IO.Path.Combine(AppContext.BaseDirectory, "Data", "akka.net-history.ndjson.gz");

    /// <summary>The uncompressed lines as bytes, as the import takes them. The caller disposes the stream.</summary>
    public static Stream OpenNdjson() => new GZipStream(File.OpenRead(Path), CompressionMode.Decompress);

    public static IEnumerable<HistoryLine> ReadLines()
    {
        using var reader = new StreamReader(OpenNdjson());
        for (var number = 1; reader.ReadLine() is { } text; number++)
        {
            using var document = JsonDocument.Parse(text);
            yield return Parse(document.RootElement, number);
        }
    }

    private static HistoryLine Parse(JsonElement line, int number)
    {
        var isPut = line.GetProperty("op").GetString() switch
        {
            "put" => true,
            "delete" => false,
            var other => throw new InvalidDataException($"line {number}: unknown op {other}"),
        };
        ImmutableArray<string> tags = isPut ? [.. line.GetProperty("tags").EnumerateArray().Select(tag => tag.GetString()!)] : [];
        var content = isPut ? line.GetProperty("content").GetRawText() : null;
        return new HistoryLine(number, line.GetProperty("at").GetInt64(), isPut, line.GetProperty("id").GetString()!, tags, content);
    }
}
