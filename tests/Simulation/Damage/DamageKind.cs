namespace EntityActors.Simulation.Tests.Damage;

/// <summary>What is done to one file.</summary>
internal enum DamageKind
{
    /// <summary>One bit is another; the number is the bit's in the file.</summary>
    Flip = 1,

    /// <summary>The file ends at this length.</summary>
    Cut = 2,

    /// <summary>This sector of 512 bytes is zero.</summary>
    Zero = 3,

    /// <summary>The file is as it was at an earlier moment, by number.</summary>
    Old = 4,

    /// <summary>The file is gone.</summary>
    Gone = 5,

    /// <summary>The file and another one have changed places; the number is the other's in the list of files.</summary>
    Swap = 6,
}
