namespace EntityActors.Simulation.Tests.Disk;

/// <summary>What a crash leaves of all that was not synced, decided piece by piece from a seed.</summary>
internal sealed class CrashChoice
{
    /// <summary>Number of the outcome that is a killed process: nothing is lost, and nothing became durable either.</summary>
    public const int Kill = 0;

    /// <summary>Number of the outcome that loses nothing.</summary>
    public const int KeepAll = 2;

    /// <summary>The first outcomes are fixed, those from here on are drawn.</summary>
    public const int FirstDrawn = 5;

    private readonly Random _random;
    private readonly double _dataKept;
    private readonly double _namesKept;
    private readonly double _writesTouched;
    private readonly bool _keepsNamesInOrder;
    private long _lastNameKept = long.MaxValue;

    private CrashChoice(Random random, double dataKept, double namesKept)
    {
        (_random, _dataKept, _namesKept, _writesTouched) = (random, dataKept, namesKept, 1);
    }

    private CrashChoice(Random random)
    {
        _random = random;
        _dataKept = Chance(random);
        _namesKept = Chance(random);
        _writesTouched = random.Next(3) == 0 ? 0.5 : 1;
        ShowsStaleSectors = random.Next(4) == 0;
        // Half the time as a journaling file system does it: names in order up to some point, then none.
        _keepsNamesInOrder = random.Next(2) == 0;
    }

    public bool KeepsAllData => _dataKept >= 1 && _writesTouched >= 1;

    public bool KeepsNoData => _dataKept <= 0;

    /// <summary>Sectors that a file grew by and that were not written show what the device held there before, not zeros.</summary>
    public bool ShowsStaleSectors { get; }

    public static CrashChoice Of(int outcome, Random random) => outcome switch
    {
        1 => new CrashChoice(random, dataKept: 0, namesKept: 0),
        KeepAll => new CrashChoice(random, dataKept: 1, namesKept: 1),
        3 => new CrashChoice(random, dataKept: 0, namesKept: 1),
        4 => new CrashChoice(random, dataKept: 1, namesKept: 0),
        >= FirstDrawn => new CrashChoice(random),
        _ => throw new ArgumentOutOfRangeException(nameof(outcome), outcome, "a kill loses nothing and needs no choice"),
    };

    /// <summary>Tells which changes of names there are, before any of them is decided.</summary>
    public void ConsiderNames(IReadOnlyList<long> ordersAscending)
    {
        if (!_keepsNamesInOrder || ordersAscending.Count == 0) return;
        var kept = _random.Next(ordersAscending.Count + 1);
        _lastNameKept = kept == 0 ? 0 : ordersAscending[kept - 1];
    }

    public bool KeepsName(long order) => _keepsNamesInOrder ? order <= _lastNameKept : _random.NextDouble() < _namesKept;

    public bool TouchesWrite() => _random.NextDouble() < _writesTouched;

    public bool KeepsSector() => _random.NextDouble() < _dataKept;

    /// <summary>Length of a file with unsynced changes of length: as before, or as after any of them.</summary>
    public long Length(long durable, IReadOnlyList<long> after)
    {
        var index = _random.Next(after.Count + 1);
        return index == after.Count ? durable : after[index];
    }

    public int Next(int bound) => _random.Next(bound);

    private static double Chance(Random random) => random.Next(5) switch
    {
        0 => 0,
        1 => 0.1,
        2 => 0.5,
        3 => 0.9,
        _ => 1,
    };
}
