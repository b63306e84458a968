using System.Text;
using EntityActors.Host.Http;
using EntityActors.Tests.Shared;
using Xunit;

namespace EntityActors.Host.Tests.Http;

public sealed class NdjsonReaderTests
{
    private const int LineBytesMax = 100;
    private const int RunCount = 300;

    [Fact]
    public async Task Lines_equal_a_split_however_the_bytes_arrive_and_long_ones_are_passed_over()
    {
        var seed = SeedSource.Next();
        for (var run = 0; run < RunCount; run++)
        {
            var random = SeedSource.For(seed, run);
            var lines = Enumerable.Range(0, random.Next(12)).Select(_ => new string('a', random.Next(3) == 0 ? random.Next(250) : random.Next(LineBytesMax + 2))).ToList();
            var text = string.Concat(lines.Select(line => line + (random.Next(2) == 0 ? "\n" : "\r\n")));
            if (random.Next(2) == 0 && text.Length > 0) text = text.TrimEnd('\n').TrimEnd('\r');
            var expected = text.Length == 0 ? [] : (text.EndsWith('\n') ? text[..^1] : text).Split('\n').Select(line => line.TrimEnd('\r')).ToList();
            var reader = new NdjsonReader(new Trickle(Encoding.UTF8.GetBytes(text), random), LineBytesMax);
            var actual = new List<string>();
            while (await reader.ReadAsync(CancellationToken.None) is { } line) actual.Add(line.IsTooLong ? "too long" : Encoding.UTF8.GetString(line.Bytes.Span));
            Assert.True(actual.SequenceEqual(expected.Select(line => line.Length > LineBytesMax ? "too long" : line)),
                $"{SeedSource.Variable}={seed} run {run}: {string.Join('|', actual)} instead of {string.Join('|', expected)}");
        }
    }

    /// <summary>Gives a few bytes at a time.</summary>
    private sealed class Trickle(byte[] bytes, Random random) : MemoryStream(bytes)
    {
        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) =>
            base.ReadAsync(buffer[..Math.Min(buffer.Length, random.Next(1, 60))], cancellationToken);
    }
}
