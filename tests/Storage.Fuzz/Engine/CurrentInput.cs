using System.IO.MemoryMappedFiles;
using System.Text;

namespace EntityActors.Storage.Fuzz.Engine;

/// <summary>A mapped file that holds the input of the execution under way, so that one that ends its process is not lost.</summary>
internal sealed unsafe class CurrentInput : IDisposable
{
    private const int NameBytes = 128;
    private const int DataOffset = NameBytes + sizeof(int);

    private readonly MemoryMappedFile _file;
    private readonly MemoryMappedViewAccessor _view;
    private readonly byte* _bytes;

    public CurrentInput(string path)
    {
        _file = MemoryMappedFile.CreateFromFile(path, FileMode.OpenOrCreate, null, DataOffset + Mutator.InputBytesMax);
        _view = _file.CreateViewAccessor();
        _view.SafeMemoryMappedViewHandle.AcquirePointer(ref _bytes);
    }

    public void Begin(string decoder)
    {
        var name = new Span<byte>(_bytes, NameBytes);
        name.Clear();
        Encoding.UTF8.GetBytes(decoder, name);
    }

    public void Set(ReadOnlySpan<byte> input)
    {
        var length = Math.Min(input.Length, Mutator.InputBytesMax);
        *(int*)(_bytes + NameBytes) = length;
        input[..length].CopyTo(new Span<byte>(_bytes + DataOffset, length));
    }

    public static (string Decoder, byte[] Input) Read(string path)
    {
        var bytes = File.ReadAllBytes(path);
        var name = Encoding.UTF8.GetString(bytes.AsSpan(0, NameBytes)).TrimEnd('\0');
        return (name, bytes.AsSpan(DataOffset, BitConverter.ToInt32(bytes, NameBytes)).ToArray());
    }

    public void Dispose()
    {
        _view.SafeMemoryMappedViewHandle.ReleasePointer();
        _view.Dispose();
        _file.Dispose();
    }
}
