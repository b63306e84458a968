using System.Runtime.Serialization;
using System.Text;
using Akka.Actor;
using Akka.Configuration;
using EntityActors.Actors.Client;
using EntityActors.Actors.Feeds;
using EntityActors.Actors.Hosting;
using EntityActors.Actors.Persistence;
using EntityActors.Actors.Protocol;
using EntityActors.Actors.Queries;
using EntityActors.Actors.Tests.Protocol;
using EntityActors.Storage.Format;
using EntityActors.Storage.Fuzz.Engine;
using EntityActors.Storage.Model;
using Decoder = EntityActors.Storage.Fuzz.Engine.Decoder;

namespace EntityActors.Storage.Fuzz.Decoders;

/// <summary>Messages between nodes by manifest, event records of the commit log, cursors of pages.</summary>
internal static class ProtocolDecoders
{
    private static readonly Lazy<ExtendedActorSystem> Node = new(static () => (ExtendedActorSystem)ActorSystem.Create("fuzz",
        ConfigurationFactory.ParseString("akka.actor.provider = local, akka.loglevel = OFF, akka.stdout-loglevel = OFF").WithFallback(StoreHocon.BuiltIn())));

    private static readonly Lazy<ProtocolSerializer> Messages = new(static () => new ProtocolSerializer(Node.Value));
    private static readonly Lazy<AdministrativeSerializer> Administration = new(static () => new AdministrativeSerializer(Node.Value));
    private static readonly string[] Manifests = [.. ProtocolCodecs.All.Select(static codec => codec.Manifest)];
    private static readonly string[] AdministrativeManifests = ["a1", "a2", "a3"];
    private static readonly TagQuery Query = new("docs", [new("kind:", true)], false, [], Lifecycle.Active);

    public static IEnumerable<Decoder> All()
    {
        yield return new Decoder("messages", MessageSeeds, ReadMessage) { IsExpected = static failure => failure is SerializationException };
        yield return new Decoder("administration", AdministrationSeeds, ReadAdministration) { IsExpected = static failure => failure is SerializationException };
        yield return new Decoder("event-record", EventSeeds, ReadEvent) { Words = [[0xA5, 6, 0, 0], [0xA6, 6, 0, 0], "\u0002e1"u8.ToArray()] };
        var cursor = new Decoder("cursor", CursorSeeds, ReadCursor) { IsExpected = static failure => failure is InvalidQueryException };
        yield return cursor;
        yield return cursor with { Name = "cursor-bytes", Seeds = CursorBytes, Run = static bytes => ReadCursor(Encoding.ASCII.GetBytes(Base64Text(bytes))) };
        var feed = new Decoder("feed-cursor", FeedCursorSeeds, ReadFeedCursor) { IsExpected = static failure => failure is InvalidQueryException };
        yield return feed;
        yield return feed with { Name = "feed-cursor-sealed", Seeds = FeedCursorBytes, Run = static bytes => ReadFeedCursor(Sealed(bytes)) };
    }

    /// <summary>The input is which manifest, then the bytes under it.</summary>
    private static IEnumerable<byte[]> MessageSeeds()
    {
        foreach (var message in Samples.Protocol())
        {
            yield return [(byte)Array.IndexOf(Manifests, Messages.Value.Manifest(message)), .. Messages.Value.ToBinary(message)];
            // As an older node sends it, outside of an envelope.
            if (message is not (ExecuteCommand or ExecuteTransaction)) continue;
            var bare = ProtocolSerializer.TryWrite(message, out var manifest)!.Value;
            yield return [(byte)Array.IndexOf(Manifests, manifest), .. bare.Span];
        }
    }

    private static void ReadMessage(byte[] bytes)
    {
        if (bytes.Length == 0) return;
        var manifest = Manifests[bytes[0] % Manifests.Length];
        var serializer = Messages.Value;
        // A bare command is in an envelope the second time.
        var message = serializer.FromBinary(bytes[1..], manifest);
        var once = serializer.ToBinary(message);
        RoundTripException.Check(once, serializer.ToBinary(serializer.FromBinary(once, serializer.Manifest(message))));
    }

    private static IEnumerable<byte[]> AdministrationSeeds()
    {
        foreach (var message in Samples.Administration())
            yield return [(byte)Array.IndexOf(AdministrativeManifests, Administration.Value.Manifest(message)), .. Administration.Value.ToBinary(message)];
    }

    private static void ReadAdministration(byte[] bytes)
    {
        if (bytes.Length == 0) return;
        var manifest = AdministrativeManifests[bytes[0] % AdministrativeManifests.Length];
        var serializer = Administration.Value;
        var once = serializer.ToBinary(serializer.FromBinary(bytes[1..], manifest));
        RoundTripException.Check(once, serializer.ToBinary(serializer.FromBinary(once, manifest)));
    }

    private static IEnumerable<byte[]> EventSeeds()
    {
        foreach (var message in Samples.Protocol().OfType<ChangeBatch>()) yield return EventRecord.Encode(Node.Value, message);
        yield return EventRecord.Encode(Node.Value, Samples.Administration().First());
    }

    private static void ReadEvent(byte[] bytes)
    {
        var once = EventRecord.Encode(Node.Value, EventRecord.Decode(Node.Value, new ShardId(1), new SequenceNumber(1), bytes));
        RoundTripException.Check(once, EventRecord.Encode(Node.Value, EventRecord.Decode(Node.Value, new ShardId(1), new SequenceNumber(1), once)));
    }

    private static IEnumerable<byte[]> CursorSeeds()
    {
        var cursor = new QueryCursor(new AsOf(new Timestamp(5), new Timestamp(9)), new ShardId(3), 4_000_000_000);
        yield return Encoding.ASCII.GetBytes(cursor.Encode(Query, 64));
        yield return Encoding.ASCII.GetBytes((cursor with { Missing = [new ShardId(2), new ShardId(63)] }).Encode(Query, 64));
    }

    private static void ReadCursor(byte[] bytes)
    {
        var cursor = QueryCursor.Decode(Encoding.Latin1.GetString(bytes), Query, 64);
        var again = QueryCursor.Decode(cursor.Encode(Query, 64), Query, 64);
        // Arrays compare by reference.
        if (again with { Missing = cursor.Missing } != cursor || !again.Missing.SequenceEqual(cursor.Missing)) throw new RoundTripException("another cursor");
    }

    private static IEnumerable<byte[]> FeedCursorSeeds()
    {
        yield return Encoding.ASCII.GetBytes(FeedCursor.At(new Timestamp(1_700_000_000_123_456_789), 4, null).With(new ShardId(2), default).Encode());
        yield return Encoding.ASCII.GetBytes(FeedCursor.At(new Timestamp(5), 4, new ShardId(3)).Encode());
    }

    private static void ReadFeedCursor(byte[] bytes)
    {
        var text = Encoding.Latin1.GetString(bytes);
        try
        {
            CheckFeedCursor(FeedCursor.Decode(text, 4, null), null);
        }
        catch (InvalidQueryException)
        {
            CheckFeedCursor(FeedCursor.Decode(text, 4, new ShardId(3)), new ShardId(3));
        }
    }

    private static void CheckFeedCursor(FeedCursor cursor, ShardId? shard)
    {
        var again = FeedCursor.Decode(cursor.Encode(), 4, shard);
        if (!again.Shards().Select(again.Of).SequenceEqual(cursor.Shards().Select(cursor.Of))) throw new RoundTripException("other positions");
    }

    /// <summary>The cursor's bytes before its checksum.</summary>
    private static IEnumerable<byte[]> FeedCursorBytes() =>
        FeedCursorSeeds().Select(static text => System.Buffers.Text.Base64Url.DecodeFromUtf8(text)[..^sizeof(uint)]);

    private static byte[] Sealed(byte[] bytes) => Encoding.ASCII.GetBytes(Base64Text([.. bytes, .. BitConverter.GetBytes(Crc32C.Compute(bytes))]));

    private static IEnumerable<byte[]> CursorBytes() => CursorSeeds().Select(static text => System.Buffers.Text.Base64Url.DecodeFromUtf8(text));

    private static string Base64Text(byte[] bytes) => System.Buffers.Text.Base64Url.EncodeToString(bytes);
}
