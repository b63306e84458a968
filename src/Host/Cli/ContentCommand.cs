using Spectre.Console;

namespace EntityActors.Host.Cli;

/// <summary>Content of an entity between the store and a file, standard input or standard output, streamed whatever its size.</summary>
internal static class ContentCommand
{
    private const int PieceBytes = 128 * 1024;

    /// <summary>Sends a file, which is opened again for each try.</summary>
    public static async Task<byte[]> SendAsync(StoreApi api, string target, string path, string contentType,
        IReadOnlyList<(string Name, string Value)> headers, CancellationToken cancellation)
    {
        byte[] answer = [];
        await WithProgressAsync("sent", new FileInfo(path).Length, async advance =>
        {
            var body = new ApiBody(ReadOnlyMemory<byte>.Empty, contentType) { Open = () => new CountingStream(File.OpenRead(path), advance) };
            answer = await api.SendAsync(HttpMethod.Put, target, body, headers, cancellation);
        });
        return answer;
    }

    /// <param name="path">File that gets the content once all of it is there; null for standard output.</param>
    public static async Task ReceiveAsync(StoreApi api, string target, string? path, CancellationToken cancellation)
    {
        if (path is null)
        {
            await using var output = Console.OpenStandardOutput();
            await CopyAsync(api, target, output, static (_, _) => { }, cancellation);
            return;
        }

        var part = path + ".part";
        try
        {
            await using (var file = File.Create(part))
                await WithProgressAsync("received", null, advance => CopyAsync(api, target, file, advance, cancellation));
            File.Move(part, path, overwrite: true);
        }
        finally
        {
            File.Delete(part);
        }
    }

    private static async Task CopyAsync(StoreApi api, string target, Stream output, Action<long, long?> advance, CancellationToken cancellation)
    {
        using var answer = await api.ReceiveAsync(target, cancellation);
        var length = answer.Content.Headers.ContentLength;
        await using var bytes = await answer.Content.ReadAsStreamAsync(cancellation);
        var piece = new byte[PieceBytes];
        for (var done = 0L; ;)
        {
            var count = await api.ReadAsync(bytes, piece, cancellation);
            if (count == 0) return;
            await output.WriteAsync(piece.AsMemory(0, count), cancellation);
            done += count;
            advance(done, length);
        }
    }

    private static async Task WithProgressAsync(string what, long? length, Func<Action<long, long?>, Task> work)
    {
        if (Console.IsErrorRedirected)
        {
            await work(static (_, _) => { });
            return;
        }

        var console = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(Console.Error) });
        await console.Progress().AutoClear(true).Columns(new TaskDescriptionColumn(), new ProgressBarColumn(), new PercentageColumn(),
            new DownloadedColumn(), new TransferSpeedColumn()).StartAsync(async context =>
        {
            var bar = context.AddTask(what, maxValue: length ?? 1);
            bar.IsIndeterminate = length is null;
            await work((done, whole) =>
            {
                if ((whole ?? length) is > 0 and { } known) (bar.IsIndeterminate, bar.MaxValue) = (false, known);
                bar.Value = done;
            });
        });
    }

    /// <summary>Tells how far a stream was read.</summary>
    private sealed class CountingStream(Stream inner, Action<long, long?> advance) : Stream
    {
        private long _done;

        public override bool CanRead => true;

        public override bool CanSeek => inner.CanSeek;

        public override bool CanWrite => false;

        public override long Length => inner.Length;

        public override long Position
        {
            get => inner.Position;
            set => inner.Position = value;
        }

        public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) =>
            Count(await inner.ReadAsync(buffer, cancellationToken));

        public override int Read(byte[] buffer, int offset, int count) => Count(inner.Read(buffer, offset, count));

        public override long Seek(long offset, SeekOrigin origin) => inner.Seek(offset, origin);

        public override void Flush() => inner.Flush();

        public override void SetLength(long value) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        protected override void Dispose(bool disposing)
        {
            if (disposing) inner.Dispose();
            base.Dispose(disposing);
        }

        private int Count(int count)
        {
            _done += count;
            advance(_done, null);
            return count;
        }
    }
}
