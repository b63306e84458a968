using System.Diagnostics;
using EntityActors.Chaos.Nodes;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

/// <summary>
/// The runtime calls this in a node's process before its program begins (DOTNET_STARTUP_HOOKS; it looks for this name outside any
/// namespace). Before the node's host is built, the store's clock is replaced by one that can be set from outside.
/// </summary>
internal sealed class StartupHook : IObserver<DiagnosticListener>, IObserver<KeyValuePair<string, object?>>
{
    /// <summary>Names the file with the clock's offset.</summary>
    public const string FileVariable = "EA_CHAOS_CLOCK";

    private const string HostingListener = "Microsoft.Extensions.Hosting";
    private const string HostBuilding = "HostBuilding";

    public static void Initialize()
    {
        if (Environment.GetEnvironmentVariable(FileVariable) is not null) DiagnosticListener.AllListeners.Subscribe(new StartupHook());
    }

    public void OnNext(DiagnosticListener value)
    {
        if (value.Name == HostingListener) value.Subscribe(this);
    }

    public void OnNext(KeyValuePair<string, object?> value)
    {
        if (value is not { Key: HostBuilding, Value: IHostBuilder host }) return;
        var path = Environment.GetEnvironmentVariable(FileVariable)!;
        host.ConfigureServices(services => services.AddSingleton<TimeProvider>(new SteppedTimeProvider(path)));
    }

    public void OnCompleted()
    {
        // The process ends.
    }

    public void OnError(Exception error)
    {
        // Listeners report no errors.
    }
}
