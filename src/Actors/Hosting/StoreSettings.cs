using Akka.Configuration;
using EntityActors.Storage.Shards;

namespace EntityActors.Actors.Hosting;

/// <summary>Sizes of the store that HOCON may set; what it leaves out stays as the options say.</summary>
public static class StoreSettings
{
    public const string CheckpointBytes = "entityactors.checkpoint.bytes";
    public const string MergeFanIn = "entityactors.segments.merge-fan-in";
    public const string LogFileBytes = "entityactors.log.file-bytes";

    public const string ErasureDelay = "entityactors.retention.erasure-delay";

    /// <summary>Room in a log file beside the largest record: its header and the padding of its group.</summary>
    private const int RecordOverheadBytes = 64 * 1024;

    /// <summary>Tags, id and author of the largest change, beside its content.</summary>
    private const int ChangeOverheadBytes = 64 * 1024;

    /// <exception cref="ConfigurationException">A value is no size or out of its range.</exception>
    public static NodeStoreOptions Apply(NodeStoreOptions options, Config config)
    {
        if (config.HasPath(CheckpointBytes)) options = options with { CheckpointBytes = Bytes(config, CheckpointBytes, 1024) };
        if (config.HasPath(ErasureDelay))
        {
            var delay = config.GetTimeSpan(ErasureDelay);
            if (delay < TimeSpan.Zero || delay > TimeSpan.FromDays(30)) throw new ConfigurationException($"{ErasureDelay} is a time of at most 30 days");
            options = options with { ErasureDelay = delay };
        }

        if (config.HasPath(MergeFanIn))
        {
            var fanIn = config.GetInt(MergeFanIn);
            if (fanIn < 2 || fanIn > options.Merge.RunCountMax) throw new ConfigurationException($"{MergeFanIn} is 2 to {options.Merge.RunCountMax}");
            options = options with { Merge = options.Merge with { RunCountMin = fanIn } };
        }

        if (!config.HasPath(LogFileBytes)) return options;
        var fileBytes = (int)Bytes(config, LogFileBytes, 1024 * 1024);
        // A record must fit in a file, a batch in a record, and the largest content in a batch.
        var recordBytes = Math.Min(options.Log.RecordBytesMax, fileBytes - RecordOverheadBytes);
        var batchBytes = Math.Min(options.BatchBytesMax, recordBytes / 4);
        var contentBytes = Math.Min(options.Limits.ContentBytesMax, recordBytes - batchBytes - ChangeOverheadBytes);
        return options with
        {
            Log = options.Log with { FileBytes = fileBytes, RecordBytesMax = recordBytes },
            BatchBytesMax = batchBytes,
            Limits = options.Limits with { ContentBytesMax = contentBytes },
        };
    }

    private static long Bytes(Config config, string key, long bytesMin)
    {
        var bytes = config.GetByteSize(key) ?? throw new ConfigurationException($"{key} is a size like 16MiB");
        return bytes >= bytesMin && bytes <= int.MaxValue ? bytes : throw new ConfigurationException($"{key} is {bytesMin} to {int.MaxValue} bytes");
    }
}
