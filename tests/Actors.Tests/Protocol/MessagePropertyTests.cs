using System.Runtime.Serialization;
using Akka.Actor;
using Akka.Configuration;
using CsCheck;
using EntityActors.Actors.Hosting;
using EntityActors.Actors.Protocol;
using EntityActors.Storage.Model;
using Xunit;

namespace EntityActors.Actors.Tests.Protocol;

/// <summary>Commands of any texts read back; spoiled bytes of any message are a message that reads back, or are refused.</summary>
public sealed class MessagePropertyTests : IDisposable
{
    private static readonly Gen<string> Texts = Gen.String[Gen.Char['\u0000', '\u07FF'], 0, 20];
    private static readonly Gen<EntityCommand> Commands =
        from key in Gen.Select(Texts, Texts, static (dataset, id) => new EntityKey(dataset, id))
        from id in Gen.Select(Gen.ULong, Gen.ULong, static (high, low) => new CommandId(((UInt128)high << 64) | low))
        from author in Texts
        from at in Gen.Long[0, long.MaxValue]
        from tags in Gen.Select(Texts, Texts, static (name, value) => new Tag($"{name}:{value}")).Array[0, 4]
        from content in Gen.Select(Texts, Gen.Byte.Array[0, 40], static (type, bytes) => new Content("x/" + type, bytes))
        from condition in Gen.Select(Gen.Int[0, 3], Gen.Long[0, long.MaxValue],
            static (kind, revision) => new RevisionCondition((RevisionConditionKind)kind, revision))
        from kind in Gen.Int[0, 8]
        select Make(kind, key, id, author, at, tags, content, condition);

    private readonly ExtendedActorSystem _system = (ExtendedActorSystem)ActorSystem.Create("messages", ConfigurationFactory.ParseString(
        "akka.actor.provider = local, akka.loglevel = OFF, akka.stdout-loglevel = OFF").WithFallback(StoreHocon.BuiltIn()));

    public void Dispose() => _system.Terminate().GetAwaiter().GetResult();

    [Fact]
    public void A_command_reads_back()
    {
        var serializer = new ProtocolSerializer(_system);
        Commands.Sample(command =>
        {
            var message = new ExecuteCommand(Samples.Shard, command);
            return ObjectText.Of(serializer.FromBinary(serializer.ToBinary(message), serializer.Manifest(message))) == ObjectText.Of(message)
                && ObjectText.Of(serializer.FromBinary(ProtocolSerializer.TryWrite(message, out _)!.Value.ToArray(), "q1")) == ObjectText.Of(message);
        }, iter: 500);
    }

    [Fact]
    public void Spoiled_bytes_are_a_message_that_reads_back_or_are_refused()
    {
        var serializer = new ProtocolSerializer(_system);
        var samples = Samples.Protocol().Select(sample => (Manifest: serializer.Manifest(sample), Bytes: serializer.ToBinary(sample))).ToArray();
        Gen.Select(Gen.Int[0, samples.Length - 1], Gen.Select(Gen.Int[0, 10_000], Gen.Byte).Array[1, 4]).Sample(drawn =>
        {
            var (which, changes) = drawn;
            var (manifest, bytes) = samples[which];
            byte[] spoiled = [.. bytes];
            foreach (var (at, value) in changes)
            {
                if (spoiled.Length > 0) spoiled[at % spoiled.Length] = value;
            }

            return ReadsBackOrIsRefused(serializer, spoiled, manifest);
        }, iter: 4_000);
    }

    private static bool ReadsBackOrIsRefused(ProtocolSerializer serializer, byte[] bytes, string manifest)
    {
        try
        {
            var message = serializer.FromBinary(bytes, manifest);
            var once = serializer.ToBinary(message);
            return serializer.ToBinary(serializer.FromBinary(once, serializer.Manifest(message))).AsSpan().SequenceEqual(once);
        }
        catch (SerializationException)
        {
            return true;
        }
    }

    private static EntityCommand Make(int kind, EntityKey key, CommandId id, string author, long at, Tag[] tags, Content content, RevisionCondition condition)
    {
        var time = at == 0 ? (Timestamp?)null : new Timestamp(at);
        return kind switch
        {
            0 => new PutEntity(key, id, author, time, condition, [.. tags], content),
            1 => new ChangeTags(key, id, author, time, condition, [.. tags], []),
            2 => new PutContent(key, id, author, time, condition, content),
            3 => new DeleteEntity(key, id, author, time, condition),
            4 => new ArchiveEntity(key, id, author, time, condition),
            5 => new PurgeEntity(key, id, author, condition),
            6 => new PutEntity(key, id, author, time, condition, [.. tags], content) { Expiry = new Expiry(time, null) },
            7 => new ChangeTags(key, id, author, time, condition, [.. tags], []) { Expiry = new Expiry(null, TimeSpan.FromTicks(at | 1)) },
            _ => new RestoreEntity(key, id, author, time, condition),
        };
    }
}
