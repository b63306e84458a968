using Akka.Configuration;

namespace EntityActors.Actors.Transfers;

/// <summary>Bounds of what large messages between nodes may take. The values are in <c>hocon/transfers.hocon</c>.</summary>
public sealed record TransferLimits
{
    private const string Path = "entityactors.transfers";
    private const string FramePath = "akka.remote.dot-netty.tcp.maximum-frame-size";

    /// <summary>Room in a frame beside the message: envelope, paths of sender and receiver, manifests.</summary>
    private const int FrameOverheadBytes = 64 * 1024;

    /// <summary>Bytes up to which a message travels whole.</summary>
    public int WholeBytesMax { get; init; } = 256 * 1024;

    /// <summary>Bytes of one chunk.</summary>
    public int ChunkBytes { get; init; } = 128 * 1024;

    /// <summary>Chunks asked for and not yet there, of one sending node.</summary>
    public int WindowChunks { get; init; } = 4;

    /// <summary>Bytes of the largest message.</summary>
    public int MessageBytesMax { get; init; } = 16 * 1024 * 1024;

    /// <summary>Bytes of messages that wait here to be fetched.</summary>
    public long OfferedBytesMax { get; init; } = 128L * 1024 * 1024;

    /// <summary>Bytes of messages that are being put together here.</summary>
    public long FetchedBytesMax { get; init; } = 64L * 1024 * 1024;

    /// <summary>Messages that wait here to be fetched; the same number again for those that this node fetches.</summary>
    public int CountMax { get; init; } = 1_024;

    /// <summary>How long a message is kept for those who fetch it, and how long a fetch may take, its wait for others included.</summary>
    public TimeSpan Timeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>How long a fetch waits for the next chunk.</summary>
    public TimeSpan StallTimeout { get; init; } = TimeSpan.FromSeconds(3);

    /// <summary>Bytes of the largest message that fits in a frame of the connection.</summary>
    public int FrameBytesMax { get; init; } = (2 * 1024 * 1024) - FrameOverheadBytes;

    /// <summary>What a caller is told to wait when there is no room.</summary>
    public TimeSpan RetryAfter { get; init; } = TimeSpan.FromMilliseconds(50);

    /// <exception cref="ConfigurationException">A value is out of its range.</exception>
    public static TransferLimits From(Config config)
    {
        var settings = config.GetConfig(Path);
        var limits = new TransferLimits
        {
            WholeBytesMax = Bytes(settings, "whole-bytes-max", 1024),
            ChunkBytes = Bytes(settings, "chunk-bytes", 1024),
            WindowChunks = settings.GetInt("window-chunks"),
            MessageBytesMax = Bytes(settings, "message-bytes-max", 1024),
            OfferedBytesMax = Bytes(settings, "offered-bytes-max", 0),
            FetchedBytesMax = Bytes(settings, "fetched-bytes-max", 0),
            CountMax = settings.GetInt("count-max"),
            Timeout = settings.GetTimeSpan("timeout"),
            StallTimeout = settings.GetTimeSpan("stall-timeout"),
            FrameBytesMax = Bytes(config, FramePath, FrameOverheadBytes) - FrameOverheadBytes,
        };
        if (limits.WholeBytesMax > limits.FrameBytesMax || limits.ChunkBytes > limits.FrameBytesMax)
            throw new ConfigurationException($"{Path}: whole-bytes-max and chunk-bytes must fit in a frame ({FramePath}) beside {FrameOverheadBytes} bytes");
        if (limits.MessageBytesMax > limits.FetchedBytesMax) throw new ConfigurationException($"{Path}: message-bytes-max is more than fetched-bytes-max");
        if (limits.WindowChunks < 1 || limits.CountMax < 1) throw new ConfigurationException($"{Path}: window-chunks and count-max are at least 1");
        if (limits.Timeout <= TimeSpan.Zero || limits.StallTimeout <= TimeSpan.Zero) throw new ConfigurationException($"{Path}: time-outs are times");
        return limits;
    }

    private static int Bytes(Config config, string key, int bytesMin)
    {
        var bytes = config.GetByteSize(key);
        if (bytes >= bytesMin && bytes <= int.MaxValue) return (int)bytes;
        throw new ConfigurationException($"{key} is a size of {bytesMin} to {int.MaxValue} bytes");
    }
}
