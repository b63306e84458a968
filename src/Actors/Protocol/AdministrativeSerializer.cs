using System.Collections.Frozen;
using System.Collections.Immutable;
using System.Runtime.Serialization;
using Akka.Actor;
using Akka.Serialization;
using EntityActors.Storage.Model;
using Hyperion;

namespace EntityActors.Actors.Protocol;

/// <summary>Hyperion for the wide, rarely sent administrative messages, limited to our own registered types.</summary>
/// <remarks>
/// Plain Hyperion creates whatever type the bytes name. Here the outer type comes from a table, known types travel as numbers, and
/// a filter of our own refuses every other name (Hyperion's compares short names with assembly-qualified ones).
/// </remarks>
public sealed class AdministrativeSerializer : SerializerWithStringManifest
{
    public const int SerializerId = 1702;

    private const int MessageBytesMax = 4 * 1024 * 1024;

    private static readonly FrozenDictionary<string, Type> Messages = new Dictionary<string, Type>
    {
        ["a1"] = typeof(ShardState),
        ["a2"] = typeof(CheckpointOutcome),
        ["a3"] = typeof(VerifyFindings),
    }.ToFrozenDictionary();

    private static readonly Type[] KnownTypes =
        [typeof(ShardState), typeof(CheckpointOutcome), typeof(VerifyFindings), typeof(ShardId), typeof(ShardStatus),
        typeof(VerifyRemedy), typeof(string[])];

    private readonly Hyperion.Serializer _hyperion = new(SerializerOptions.Default
        .WithKnownTypes(KnownTypes)
        .WithTypeFilter(new KnownTypeFilter())
        .WithDisallowUnsafeType(true)
        .WithIgnoreSerializable(true));

    public AdministrativeSerializer(ExtendedActorSystem system)
        : base(system)
    {
    }

    public override int Identifier => SerializerId;

    public static IReadOnlyCollection<Type> Types { get; } = [typeof(ShardState), typeof(CheckpointOutcome), typeof(VerifyOutcome)];

    public override string Manifest(object o) => o switch
    {
        ShardState => "a1",
        CheckpointOutcome => "a2",
        VerifyOutcome => "a3",
        _ => throw new SerializationException($"{o.GetType()} is not an administrative message"),
    };

    public override byte[] ToBinary(object obj)
    {
        _ = Manifest(obj);
        using var stream = new MemoryStream();
        _hyperion.Serialize(ToCarried(obj), stream);
        return stream.ToArray();
    }

    public override object FromBinary(byte[] bytes, string manifest)
    {
        if (!Messages.TryGetValue(manifest, out var expected))
            throw new SerializationException($"no administrative message has the manifest '{manifest}'");
        if (bytes.Length > MessageBytesMax) throw new SerializationException($"{bytes.Length} bytes of an administrative message");
        object message;
        try
        {
            using var stream = new BoundedMessageStream(bytes);
            message = _hyperion.Deserialize<object>(stream);
        }
        catch (Exception cause) when (cause is not SerializationException)
        {
            throw new SerializationException($"bytes of {expected.Name} cannot be read", cause);
        }

        if (message?.GetType() != expected)
            throw new SerializationException($"{message?.GetType().ToString() ?? "null"} under the manifest of {expected.Name}");
        return FromCarried(message);
    }

    private static object ToCarried(object message) => message switch
    {
        ShardState state => state with { Detail = CarriedText.Of(state.Detail), Node = CarriedText.Of(state.Node) },
        CheckpointOutcome outcome => outcome with { Detail = CarriedText.Mark + outcome.Detail },
        VerifyOutcome verify => VerifyFindings.From(verify),
        _ => throw new SerializationException($"{message.GetType()} is not an administrative message"),
    };

    private static object FromCarried(object message) => message switch
    {
        ShardState state => state with { Detail = CarriedText.Read(state.Detail), Node = CarriedText.Read(state.Node) },
        CheckpointOutcome outcome => outcome with { Detail = CarriedText.Required(outcome.Detail) },
        VerifyFindings findings => findings.ToOutcome(),
        _ => throw new SerializationException($"{message.GetType()} is not an administrative message"),
    };

    /// <summary>A text as Hyperion carries it: never of four bytes, so that <see cref="BoundedMessageStream"/> can tell it from a length.</summary>
    private static class CarriedText
    {
        public const string Mark = "text:";

        public static string? Of(string? text) => text is null ? null : Mark + text;

        public static string? Read(string? carried) => carried is null ? null : Required(carried);

        public static string Required(string? carried) => carried?.StartsWith(Mark, StringComparison.Ordinal) == true
            ? carried[Mark.Length..]
            : throw new SerializationException("a text without its mark");
    }

    private sealed class KnownTypeFilter : ITypeFilter
    {
        private static readonly FrozenSet<string> Names =
            KnownTypes.Select(static type => Short(type.AssemblyQualifiedName!)).ToFrozenSet(StringComparer.Ordinal);

        public bool IsAllowed(string typeName) => Names.Contains(Short(typeName));

        /// <summary>Type and assembly name; versions and keys are dropped.</summary>
        private static string Short(string name)
        {
            var comma = name.IndexOf(',', StringComparison.Ordinal);
            var end = comma < 0 ? -1 : name.IndexOf(',', comma + 1);
            return end < 0 ? name : name[..end];
        }
    }

    /// <summary>A verify outcome as Hyperion carries it: an immutable array would be sent field by field.</summary>
    private sealed record VerifyFindings(ShardId Shard, string[] Findings, string[] Repaired, VerifyRemedy Remedy, long BytesChecked)
    {
        public static VerifyFindings From(VerifyOutcome outcome) =>
            new(outcome.Shard, Marked(outcome.Findings), Marked(outcome.Repaired), outcome.Remedy, outcome.BytesChecked);

        public VerifyOutcome ToOutcome() => new(Shard, Texts(Findings), Texts(Repaired), Remedy, BytesChecked);

        private static string[] Marked(ImmutableArray<string> texts) => [.. texts.Select(static text => CarriedText.Mark + text)];

        private static ImmutableArray<string> Texts(string[]? carried) => carried is null
            ? throw new SerializationException("an outcome without its texts")
            : [.. carried.Select(CarriedText.Required)];
    }
}
