using Akka.Actor;

namespace EntityActors.Actors.Checkpoints;

/// <summary>Keeps a checkpoint coordinator on its node: whatever ends one, the next one starts and the shards register with it.</summary>
/// <remarks>Without a coordinator the shards would serve on until their memtables are full, and then refuse every write.</remarks>
internal sealed class CheckpointSupervisor : ReceiveActor
{
    public const string ActorName = "checkpoints";

    private readonly Props _props;
    private IActorRef _coordinator = ActorRefs.Nobody;
    private long _start;

    public CheckpointSupervisor(Props coordinator)
    {
        _props = coordinator;
        Receive<Terminated>(_ => StartCoordinator(), end => end.ActorRef.Equals(_coordinator));
        // Shards that have not heard of the coordinator itself yet know this actor.
        ReceiveAny(message => _coordinator.Forward(message));
    }

    public static Props PropsFor(Props coordinator) => Props.Create(() => new CheckpointSupervisor(coordinator));

    protected override void PreStart() => StartCoordinator();

    // In place, so that what waits in the mailbox is kept. Only one that cannot even be created is beyond this actor.
    protected override SupervisorStrategy SupervisorStrategy() => new OneForOneStrategy(
        static cause => cause is ActorInitializationException ? Directive.Escalate : Directive.Restart);

    private void StartCoordinator() => _coordinator = Context.Watch(Context.ActorOf(_props, $"coordinator-{++_start}"));
}
