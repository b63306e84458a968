using EntityActors.Storage.Format;
using EntityActors.Storage.Model;

namespace EntityActors.Storage.Fuzz.Engine;

/// <summary>One way that bytes from disk or wire take into the product.</summary>
/// <param name="Seeds">Valid inputs, made by our own encoders.</param>
/// <param name="Run">Reads the bytes as far as any caller would. Only what <see cref="IsExpected"/> knows may come out of it.</param>
internal sealed record Decoder(string Name, Func<IEnumerable<byte[]>> Seeds, Action<byte[]> Run)
{
    /// <summary>The documented failures of this decoder.</summary>
    public Func<Exception, bool> IsExpected { get; init; } = static failure => failure is CorruptDataException or MalformedBytesException;

    /// <summary>Words of the format that seeds may lack.</summary>
    public IReadOnlyList<byte[]> Words { get; init; } = [];

    /// <summary>The same decoder behind its checksums: they are made right before each run, so that what they guard is reached.</summary>
    public Decoder Sealed(Func<byte[], byte[]> seal) => this with { Name = Name + "-sealed", Run = bytes => Run(seal(bytes)) };
}

/// <summary>What was decoded does not survive being encoded and decoded again.</summary>
internal sealed class RoundTripException(string message) : Exception(message)
{
    public static void Check(ReadOnlySpan<byte> first, ReadOnlySpan<byte> second)
    {
        if (!first.SequenceEqual(second)) throw new RoundTripException($"{first.Length} bytes encode to {second.Length} others when read back");
    }
}
