using System.Buffers;
using System.Text.Json;

namespace EntityActors.Host.Http;

/// <summary>Writes JSON values that stand on one line each, whatever their contents look like. Reusable; not thread-safe.</summary>
internal sealed class JsonLine : IDisposable
{
    private const int CapacityBytes = 4096;

    private readonly Utf8JsonWriter _json;
    private ArrayBufferWriter<byte> _buffer = new(CapacityBytes);

    public JsonLine() => _json = new Utf8JsonWriter(_buffer);

    /// <returns>The value's bytes, without a line end; valid until the next call.</returns>
    public ReadOnlySpan<byte> Of(Action<Utf8JsonWriter> write)
    {
        // One large content must not be held for as long as the stream lasts.
        if (_buffer.Capacity > 16 * CapacityBytes) _buffer = new ArrayBufferWriter<byte>(CapacityBytes);
        else _buffer.ResetWrittenCount();
        _json.Reset(_buffer);
        write(_json);
        _json.Flush();
        // A JSON content keeps the spaces it was put with; a line end can only be one of them, since texts escape theirs.
        var line = System.Runtime.InteropServices.MemoryMarshal.AsMemory(_buffer.WrittenMemory).Span;
        line.Replace((byte)'\n', (byte)' ');
        line.Replace((byte)'\r', (byte)' ');
        return line;
    }

    public void Dispose() => _json.Dispose();
}
