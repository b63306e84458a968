using Akka.Actor;
using Akka.Configuration;
using EntityActors.Actors.Hosting;
using EntityActors.Actors.Protocol;
using EntityActors.Storage.Format;
using EntityActors.Storage.Model;
using Xunit;

namespace EntityActors.Actors.Tests.Protocol;

/// <summary>Messages that name a blob have bytes of their own, which came after version 2. No line of the file is ever changed.</summary>
public sealed class BlobGoldenBytesTests : IDisposable
{
    private static readonly Content InBlob = new("text/plain", default)
    {
        Blob = new BlobReference(new BlobId(new Epoch(300), UInt128.MaxValue - 9), 1_073_741_824, UInt128.MaxValue - 11),
    };

    private readonly ExtendedActorSystem _system = (ExtendedActorSystem)ActorSystem.Create("golden-blobs", ConfigurationFactory.ParseString(
        "akka.actor.provider = local, akka.loglevel = OFF, akka.stdout-loglevel = OFF").WithFallback(StoreHocon.BuiltIn()));

    public void Dispose() => _system.Terminate().GetAwaiter().GetResult();

    [Fact]
    public void Every_message_that_names_a_blob_has_its_golden_bytes()
    {
        var written = Samples().Select(sample =>
        {
            var serializer = _system.Serialization.FindSerializerFor(sample);
            return $"{Akka.Serialization.Serialization.ManifestFor(serializer, sample)} {Convert.ToHexString(serializer.ToBinary(sample))}";
        }).ToList();
        Assert.True(Lines().SequenceEqual(written), $"what is written now:\n{string.Join('\n', written)}");
    }

    [Fact]
    public void Golden_bytes_are_read_as_the_messages_they_were()
    {
        foreach (var (line, sample) in Lines().Zip(Samples()))
        {
            var (manifest, bytes) = (line.Split(' ')[0], Convert.FromHexString(line.Split(' ')[1]));
            var found = _system.Serialization.Deserialize(bytes, ProtocolSerializer.SerializerId, manifest);
            Assert.Equal(InBlob, ContentOf(found));
            var again = _system.Serialization.FindSerializerFor(found).ToBinary(found);
            Assert.Equal(bytes, again);
        }
    }

    [Theory]
    [InlineData(8, false)]
    [InlineData(2 | 8, true)]
    [InlineData(2 | 4 | 8, false)]
    [InlineData(16, false)]
    public void Parts_of_a_change_that_cannot_be_are_refused(byte parts, bool isRight)
    {
        var writer = new ByteWriter();
        ChangeCodec.WriteChange(writer, Protocol.Samples.Change with { Content = InBlob });
        var bytes = writer.ToArray();
        bytes[0] = parts;
        var failure = Record.Exception(() =>
        {
            var reader = new ByteReader(bytes);
            _ = ChangeCodec.ReadChange(ref reader, Protocol.Samples.Key, 9);
            reader.End();
        });
        Assert.Equal(isRight, failure is null);
        if (!isRight) Assert.IsType<MalformedBytesException>(failure);
    }

    private static object[] Samples()
    {
        var (shard, key) = (Protocol.Samples.Shard, Protocol.Samples.Key);
        var id = new CommandId(UInt128.MaxValue - 5);
        return
        [
            new ExecuteCommand(shard, new PutContent(key, id, "me", null, RevisionCondition.MustBe(4), InBlob)),
            new ExecuteCommand(shard, new PutEntity(key, id, "me", null, default, [], InBlob)),
            new EntityFound(new EntitySnapshot(Protocol.Samples.Head with { ContentLength = InBlob.Length }, InBlob)),
            new HistoryFound(new HistoryPage([Protocol.Samples.Change with { Content = InBlob }], true, false)),
            new ChangeBatch(new Epoch(3), new SequenceNumber(5), [Protocol.Samples.Change with { Content = InBlob }]),
        ];
    }

    private static Content? ContentOf(object message) => message switch
    {
        ShardCall { Body: Carried.Whole { Message: ExecuteCommand execute } } => ContentOf(execute),
        ExecuteCommand { Command: PutContent put } => put.Content,
        ExecuteCommand { Command: PutEntity put } => put.Content,
        EntityFound found => found.Entity!.Content,
        HistoryFound found => found.Page.Changes[0].Content,
        ChangeBatch batch => batch.Changes[0].Content,
        _ => throw new InvalidDataException($"{message.GetType()} has no content"),
    };

    private static string[] Lines() => File.ReadAllLines(Path.Combine(AppContext.BaseDirectory, "Data", "protocol-blobs.txt"));
}
