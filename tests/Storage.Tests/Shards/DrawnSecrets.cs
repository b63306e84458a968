using System.Text;
using EntityActors.Tests.Shared;

namespace EntityActors.Storage.Tests.Shards;

/// <summary>Bytes and texts that stand nowhere but where a test puts them, so that a file that holds one was written from it.</summary>
internal sealed class DrawnSecrets(Random random)
{
    private const int SecretBytes = 24;

    private readonly List<byte[]> _drawn = [];

    public byte[] Bytes()
    {
        var secret = new byte[SecretBytes];
        random.NextBytes(secret);
        _drawn.Add(secret);
        return secret;
    }

    public string Text()
    {
        var text = Convert.ToHexString(Bytes());
        _drawn.Add(Encoding.ASCII.GetBytes(text));
        return text;
    }

    /// <summary>Names of the files that hold any of those drawn so far.</summary>
    public IReadOnlyList<string> FilesIn(string directory) => StoredBytes.FilesHolding(directory, _drawn);
}
