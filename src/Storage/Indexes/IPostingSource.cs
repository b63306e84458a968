using EntityActors.Storage.Model;

namespace EntityActors.Storage.Indexes;

/// <summary>One layer of a shard's tag index: memory or a segment. Layers are applied oldest first. Safe for concurrent reads.</summary>
public interface IPostingSource
{
    /// <summary>Changes <paramref name="held"/> (who holds the tag after the older layers) by what this layer knows and the read sees.</summary>
    /// <param name="tag">A tag, or one of <see cref="LifecycleTags"/>.</param>
    /// <exception cref="CorruptDataException">A stored posting is damaged beyond repair.</exception>
    void ApplyTo(OrdinalSet held, string dataset, string tag, AsOf asOf);

    /// <summary>Tags this layer mentions, in the order of <see cref="Utf8Order"/>, each once, without pseudo-tags.</summary>
    /// <param name="prefix">Only tags that begin with this text; empty means all.</param>
    /// <param name="after">Only tags that come after this one; null means from the first.</param>
    IEnumerable<string> TagsFrom(string dataset, string prefix, string? after);

    /// <summary>Datasets this layer mentions, in the order of <see cref="Utf8Order"/>, each once.</summary>
    /// <param name="after">Only datasets that come after this one; null means from the first.</param>
    IEnumerable<string> DatasetsFrom(string? after);
}
