using System.Globalization;
using EntityActors.Simulation.Tests.Stores;
using EntityActors.Storage.Io;
using EntityActors.Tests.Shared;

namespace EntityActors.Simulation.Tests.RealDisks;

/// <summary>The process whose system calls are made to fail: a store on a real directory that does a number of steps and goes on whatever fails.</summary>
internal static class SteppedProcess
{
    /// <summary>Throws when a promise is broken, at run time or when the store is opened again in the end.</summary>
    /// <returns>One line: how many steps failed and were healed, and how many events were acknowledged.</returns>
    public static string Run(string directory, long seed, int steps)
    {
        // Few renewals of the clock: the first calls are to be those of the log, of segments and headers.
        var family = WorkloadFamily.Of(seed);
        var log = family.Store.Log with { ClockReservation = TimeSpan.FromSeconds(20), ClockRenewal = TimeSpan.FromSeconds(5) };
        var options = family.Store with { DataDirectory = directory, Log = log };
        var store = new SimulatedStore(family, PosixFileSystem.Instance, options, SimulatedStore.NoPromises, SimulationOptions.Start, SeedSource.For(seed, 0));
        var activity = new StoreActivity(store);
        var healed = 0;
        Do(store.Open);
        for (var i = 0; i < steps; i++) Do(activity.Step);
        Do(() => store.Compare(isThorough: true));
        var acknowledged = store.Promises.Sum(promise => promise.Acknowledged);
        store.Abandon();

        var again = new SimulatedStore(family, PosixFileSystem.Instance, options, store.Promises, store.Time.GetUtcNow(), SeedSource.For(seed, 1));
        store = again;
        Do(again.Open);
        Do(() => again.Compare(isThorough: true));
        again.Abandon();
        return string.Create(CultureInfo.InvariantCulture, $"{healed} failures healed, {acknowledged} events acknowledged");

        void Do(Action action)
        {
            if (!Supervision.Attempt(store, action)) healed++;
        }
    }
}
