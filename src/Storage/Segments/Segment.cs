using EntityActors.Storage.Indexes;
using EntityActors.Storage.Io;
using EntityActors.Storage.Model;

namespace EntityActors.Storage.Segments;

/// <summary>An open segment: immutable, with thread-safe synchronous reads. Layout in docs/FORMAT.md, "Segments".</summary>
/// <remarks>
/// Whoever opens it holds one reference and hands it to a <see cref="SegmentSet"/> or disposes it; the file closes with the last
/// reference. In memory an open segment costs its block index, the bloom filter (10 bits an entity) and the ordinal directory
/// (at most 6 bytes an entity).
/// </remarks>
public sealed class Segment : IPostingSource, IDisposable
{
    private readonly SegmentFile _file;
    private readonly SegmentPostings _postings;
    private int _references = 1;

    private Segment(SegmentFile file)
    {
        _file = file;
        Rows = new SegmentRows(file);
        Recorded = new RecordedOrder(file, file.WindowChangesMax);
        _postings = new SegmentPostings(file);
    }

    public SegmentInfo Info => _file.Info;

    public string Path => _file.Path;

    /// <summary>Memory of block index, bloom filter and ordinal directory; cached blocks are counted by their cache.</summary>
    public long MemoryBytes => _file.MemoryBytes;

    public bool IsClosed => Volatile.Read(ref _references) == 0;

    internal SegmentRows Rows { get; }

    internal RecordedOrder Recorded { get; }

    /// <param name="expected">What the shard's header says of this file.</param>
    /// <param name="repaired">Called for each stretch rebuilt from parity, on the reading thread.</param>
    /// <exception cref="CorruptDataException">The file is another one, or is damaged beyond what parity can rebuild.</exception>
    public static Segment Open(IFileSystem fs, string path, SegmentInfo expected, BlockCache cache,
        Action<RepairedBlock>? repaired = null) => new(SegmentFile.Open(fs, path, expected, cache, repaired));

    /// <summary>Reads all bytes and checks every invariant; calls <paramref name="finding"/> with a sentence for each that does not hold.</summary>
    /// <param name="change">Called with each change that follows those before it.</param>
    public void Verify(Action<string> finding, Action<Change>? change = null) => new SegmentVerifier(_file, Rows, _postings, finding, change).Run();

    /// <summary>Reads from the file that stands under the name now: it was written anew with the same bytes. The caller holds a reference.</summary>
    /// <exception cref="StoreIoException">The file cannot be opened; the one before goes on being read.</exception>
    public void ReadFromFileNow(IFileSystem fs) => _file.ReadFrom(fs.OpenRead(Path));

    /// <summary>All entities in the order of their key bytes, streaming. Enumerate the changes of one before asking for the next.</summary>
    public IEnumerable<SegmentEntity> ReadAll() => Rows.ReadAll();

    public void ApplyTo(OrdinalSet held, string dataset, string tag, AsOf asOf) => _postings.ApplyTo(held, dataset, tag, asOf);

    public IEnumerable<string> TagsFrom(string dataset, string prefix, string? after) => _postings.TagsFrom(dataset, prefix, after);

    public IEnumerable<string> DatasetsFrom(string? after) => _postings.DatasetsFrom(after);

    /// <summary>Gives back one reference.</summary>
    public void Dispose()
    {
        var left = Interlocked.Decrement(ref _references);
        Invariant.Check(left >= 0, "a segment is released once for each reference");
        if (left == 0) _file.Dispose();
    }

    /// <summary>Whether the entity with this ordinal has a row here. Looks only at memory.</summary>
    internal bool Holds(uint ordinal) => _file.Ordinals.BlockOf(ordinal) >= 0;

    /// <summary>Ordinals of the entities whose purge is here. Reads all posting blocks.</summary>
    internal OrdinalSet PurgedOrdinals() => _postings.PurgedOrdinals();

    /// <summary>Ordinals of the dataset's entities whose base is here: what older segments have of them was trimmed. Not to be changed.</summary>
    internal OrdinalSet Bases(string dataset) => _postings.Bases(dataset);

    /// <summary>The same by dataset. Reads all posting blocks.</summary>
    internal Dictionary<string, OrdinalSet> BasesByDataset() => _postings.BasesByDataset();

    internal bool MightContain(ulong hash) => _file.Bloom.MightContain(hash);

    /// <summary>The caller holds a reference already, so the segment is open.</summary>
    internal void AddReference() => Invariant.Check(Interlocked.Increment(ref _references) > 1, "a closed segment was used again");
}
