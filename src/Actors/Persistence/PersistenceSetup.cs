using Akka.Actor;
using Akka.Actor.Setup;

namespace EntityActors.Actors.Persistence;

/// <summary>Hands the node's files to the journal and snapshot-store plugins, which Akka creates by name. The caller disposes them.</summary>
public sealed class PersistenceSetup(IShardFiles files) : Setup
{
    public IShardFiles Files { get; } = files;

    /// <exception cref="InvalidOperationException">The actor system was started without this setup.</exception>
    public static IShardFiles FilesOf(ActorSystem system)
    {
        var setup = system.Settings.Setup.Get<PersistenceSetup>();
        return setup.HasValue
            ? setup.Value.Files
            : throw new InvalidOperationException($"the actor system was started without {nameof(PersistenceSetup)}");
    }
}
