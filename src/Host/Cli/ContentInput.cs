using System.CommandLine;
using System.Text;
using System.Text.Json;
using EntityActors.Host.Http;

namespace EntityActors.Host.Cli;

/// <summary>Content of a command: a text, a file, or standard input.</summary>
internal sealed record ContentInput(ReadOnlyMemory<byte> Bytes, string ContentType)
{
    private const string Json = "application/json";

    /// <summary>The largest content that is read into memory, and checked where it says that it is JSON.</summary>
    private const long MemoryBytesMax = 8L * 1024 * 1024;

    private static readonly Option<string?> Text = new("--content")
    {
        Description = "Content as text, or '-' for standard input; JSON unless --content-type says otherwise", HelpName = "text",
    };

    private static readonly Option<string?> File = new("--content-file")
    {
        Description = "Content from a file, or '-' for standard input; the type follows .json and .txt, otherwise application/octet-stream", HelpName = "path",
    };

    private static readonly Option<string?> Type = new("--content-type") { Description = "Media type of the content", HelpName = "type" };

    /// <summary>The file whose bytes are the content, where it is too large for memory.</summary>
    public string? LargeFile { get; private init; }

    public bool IsJson => JsonShapes.IsJson(ContentType);

    public static void AddTo(Command command)
    {
        command.Options.Add(Text);
        command.Options.Add(File);
        command.Options.Add(Type);
    }

    /// <returns>Null when no content is given.</returns>
    /// <exception cref="UsageException">It is given twice, cannot be read, or is not what it says.</exception>
    public static async Task<ContentInput?> ReadAsync(ParseResult result, CancellationToken cancellation)
    {
        var (text, file, type) = (result.GetValue(Text), result.GetValue(File), result.GetValue(Type));
        if (text is not null && file is not null) throw new UsageException("--content and --content-file exclude each other");
        if (text is null && file is null) return type is null ? null : throw new UsageException("--content-type without --content or --content-file");
        var bytes = text is not null and not "-" ? Encoding.UTF8.GetBytes(text) : await BytesAsync(text ?? file!, cancellation);
        var input = new ContentInput(bytes, type ?? (text is not null ? Json : TypeOf(file!)));
        if (input.IsJson) CheckJson(bytes);
        return input;
    }

    /// <param name="path">A file, or <c>-</c> for standard input.</param>
    /// <exception cref="UsageException">There is no such file.</exception>
    public static async Task<byte[]> BytesAsync(string path, CancellationToken cancellation) =>
        path == "-" ? await StandardInputAsync(cancellation) : await FileAsync(path, cancellation);

    /// <summary>As <see cref="ReadAsync"/>, but a large file is left where it is, and large standard input becomes one.</summary>
    /// <param name="temporary">Name for that file; the caller deletes it.</param>
    public static async Task<ContentInput?> OpenAsync(ParseResult result, string temporary, CancellationToken cancellation)
    {
        if (result.GetValue(File) is not { } file || result.GetValue(Text) is not null) return await ReadAsync(result, cancellation);
        var type = result.GetValue(Type) ?? TypeOf(file);
        if (file == "-")
        {
            await using (var input = Console.OpenStandardInput())
            await using (var copy = System.IO.File.Create(temporary)) await input.CopyToAsync(copy, cancellation);
            file = temporary;
        }

        if (!System.IO.File.Exists(file)) throw new UsageException($"there is no file {file}");
        if (new FileInfo(file).Length > MemoryBytesMax) return new ContentInput(default, type) { LargeFile = file };
        var small = new ContentInput(await FileAsync(file, cancellation), type);
        if (small.IsJson) CheckJson(small.Bytes);
        return small;
    }

    private static string TypeOf(string file) => Path.GetExtension(file) switch
    {
        ".json" => Json,
        ".txt" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    };

    private static async Task<byte[]> StandardInputAsync(CancellationToken cancellation)
    {
        await using var input = Console.OpenStandardInput();
        using var bytes = new MemoryStream();
        await input.CopyToAsync(bytes, cancellation);
        return bytes.ToArray();
    }

    private static async Task<byte[]> FileAsync(string file, CancellationToken cancellation)
    {
        if (!System.IO.File.Exists(file)) throw new UsageException($"there is no file {file}");
        return await System.IO.File.ReadAllBytesAsync(file, cancellation);
    }

    private static void CheckJson(ReadOnlyMemory<byte> bytes)
    {
        try
        {
            using var json = JsonDocument.Parse(bytes);
        }
        catch (JsonException cause)
        {
            throw new UsageException($"the content is not valid JSON ({cause.Message}); give --content-type for another kind".ReplaceLineEndings(" "));
        }
    }
}
