namespace EntityActors.Simulation.Tests.Damage;

/// <summary>What a damaged image led to; anything else is a violation.</summary>
internal enum DamageOutcome
{
    /// <summary>Every answer is the same, and the bytes hold nothing that anyone reads.</summary>
    Harmless = 1,

    /// <summary>Every answer is the same, and the damage is named.</summary>
    Repaired = 2,

    /// <summary>Typed errors for entities whose bytes are lost; all others answer the same.</summary>
    EntitiesLost = 3,

    /// <summary>A typed error for a shard; all others answer the same.</summary>
    ShardsLost = 4,

    /// <summary>The store refuses to open and says why; nothing is changed.</summary>
    Refused = 5,

    /// <summary>Events at the very end of a killed process's log, which nothing proves to have been synced, are cut as a torn tail.</summary>
    TornTail = 6,
}
