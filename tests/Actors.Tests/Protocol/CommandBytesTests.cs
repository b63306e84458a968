using EntityActors.Actors.Protocol;
using EntityActors.Storage.Format;
using EntityActors.Storage.Model;
using Xunit;

namespace EntityActors.Actors.Tests.Protocol;

/// <summary>Golden bytes of the commands that came after the files of whole messages: an older node refuses them by their kind.</summary>
public sealed class CommandBytesTests
{
    private static readonly EntityKey Key = new("d", "k");
    private static readonly CommandId Id = new(7);
    private const string Head = "0164" + "016B" + "07000000000000000000000000000000" + "026D65";

    public static TheoryData<string, EntityCommand> Commands => new()
    {
        { "06" + Head + "0000000000000000" + "0000", new ArchiveEntity(Key, Id, "me", null, default) },
        { "07" + Head + "0000000000000000" + "0304", new PurgeEntity(Key, Id, "me", RevisionCondition.MustBe(4)) },
        {
            "08" + Head + "0000000000000000" + "0000" + "00" + "00" + "D007000000000000" + "00",
            new PutEntity(Key, Id, "me", null, default, [], null) { Expiry = new Expiry(new Timestamp(2000), null) }
        },
        {
            "09" + Head + "0000000000000000" + "0000" + "00" + "00" + "0000000000000000" + "C801",
            new ChangeTags(Key, Id, "me", null, default, [], []) { Expiry = new Expiry(null, TimeSpan.FromTicks(100)) }
        },
    };

    [Theory]
    [MemberData(nameof(Commands))]
    public void A_command_has_its_golden_bytes(string golden, EntityCommand command)
    {
        var writer = new ByteWriter();
        ModelCodec.WriteCommand(writer, command);
        Assert.Equal(golden, Convert.ToHexString(writer.Written));
        var reader = new ByteReader(writer.Written);
        Assert.Equal(ObjectText.Of(command), ObjectText.Of(ModelCodec.ReadCommand(ref reader)));
        Assert.True(reader.IsAtEnd);
    }
}
