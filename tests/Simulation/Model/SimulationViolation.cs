namespace EntityActors.Simulation.Tests.Model;

/// <summary>The store broke a promise, as a sentence.</summary>
internal sealed class SimulationViolation(string sentence) : Exception(sentence)
{
    public static void Unless(bool holds, string sentence)
    {
        if (!holds) throw new SimulationViolation(sentence);
    }
}
