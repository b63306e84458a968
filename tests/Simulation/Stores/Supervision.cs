using EntityActors.Storage.Model;

namespace EntityActors.Simulation.Tests.Stores;

/// <summary>What keeps a store going when calls fail: whatever no longer serves starts again from disk, as often as it takes.</summary>
internal static class Supervision
{
    private const int HealAttemptsMax = 60;

    /// <summary>A step that may fail only because a call did; then the store heals before the next step.</summary>
    /// <returns>False when something failed.</returns>
    public static bool Attempt(SimulatedStore store, Action step)
    {
        try
        {
            step();
            return true;
        }
        catch (StoreException) when (store.MayHaveFailed)
        {
        }
        catch (AggregateException failures) when (store.MayHaveFailed && failures.InnerExceptions.All(failure => failure is StoreException))
        {
        }

        for (var attempt = 0; attempt < HealAttemptsMax; attempt++)
        {
            try
            {
                store.Time.Advance(TimeSpan.FromMilliseconds(500));
                store.Heal();
                return false;
            }
            catch (StoreException) when (attempt + 1 < HealAttemptsMax)
            {
            }
        }

        return false;
    }
}
