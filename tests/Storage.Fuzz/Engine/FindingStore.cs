using System.IO.Hashing;

namespace EntityActors.Storage.Fuzz.Engine;

/// <summary>Inputs that broke a rule, one file each, in a directory that is made for the first of them.</summary>
internal sealed class FindingStore(string directory)
{
    private const int ShownBytesMax = 512;

    /// <returns>What is printed of it.</returns>
    public string Add(string decoder, string what, byte[] input)
    {
        Directory.CreateDirectory(directory);
        var path = Path.Combine(directory, $"{decoder}-{XxHash64.HashToUInt64(input):x16}.bin");
        File.WriteAllBytes(path, input);
        var shown = input.Length <= ShownBytesMax ? $"\n  input: {Convert.ToBase64String(input)}" : "";
        return $"FINDING in {decoder}: {what}{shown}\n  replay --decoder {decoder} --input {path}";
    }
}
