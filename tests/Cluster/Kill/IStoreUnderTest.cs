namespace EntityActors.Cluster.Tests.Kill;

/// <summary>A store that can be started and killed over and over on the same data.</summary>
internal interface IStoreUnderTest : IAsyncDisposable
{
    /// <summary>Starts and waits until it serves.</summary>
    Task<Uri> StartAsync();

    /// <summary>Starts, and kills after a moment, whether it serves by then or not.</summary>
    Task StartAndKillAsync(TimeSpan after);

    Task KillAsync();

    /// <summary>Stops as an operator would.</summary>
    Task StopAsync();

    /// <summary>Checks the stopped store with the offline inspector; throws when it finds anything.</summary>
    Task VerifyStoppedAsync();

    /// <summary>The last output, for failure messages.</summary>
    string Output { get; }
}
