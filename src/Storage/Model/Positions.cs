namespace EntityActors.Storage.Model;

/// <summary>Number of a shard, from 0 to the store's shard count minus one.</summary>
public readonly record struct ShardId(int Value) : IComparable<ShardId>
{
    public int CompareTo(ShardId other) => Value.CompareTo(other.Value);

    public override string ToString() => Value.ToString("D4");
}

/// <summary>Ownership generation of a shard; rises by one with every claim. Valid from 1; 0 means "never owned".</summary>
public readonly record struct Epoch(long Value) : IComparable<Epoch>
{
    public Epoch Next => new(Value + 1);

    public int CompareTo(Epoch other) => Value.CompareTo(other.Value);

    public override string ToString() => Value.ToString();

    public static bool operator <(Epoch left, Epoch right) => left.Value < right.Value;
    public static bool operator >(Epoch left, Epoch right) => left.Value > right.Value;
    public static bool operator <=(Epoch left, Epoch right) => left.Value <= right.Value;
    public static bool operator >=(Epoch left, Epoch right) => left.Value >= right.Value;
}

/// <summary>Position of an event (one batch of changes) in its shard's journal: 1, 2, 3 … without gaps. 0 means "before the first".</summary>
public readonly record struct SequenceNumber(long Value) : IComparable<SequenceNumber>
{
    public SequenceNumber Next => new(Value + 1);

    public int CompareTo(SequenceNumber other) => Value.CompareTo(other.Value);

    public override string ToString() => Value.ToString();

    public static bool operator <(SequenceNumber left, SequenceNumber right) => left.Value < right.Value;
    public static bool operator >(SequenceNumber left, SequenceNumber right) => left.Value > right.Value;
    public static bool operator <=(SequenceNumber left, SequenceNumber right) => left.Value <= right.Value;
    public static bool operator >=(SequenceNumber left, SequenceNumber right) => left.Value >= right.Value;
}

/// <summary>Byte position in one process's commit log, counted over all its files from 0.</summary>
public readonly record struct LogPosition(long Value) : IComparable<LogPosition>
{
    public int CompareTo(LogPosition other) => Value.CompareTo(other.Value);

    public override string ToString() => Value.ToString();

    public static bool operator <(LogPosition left, LogPosition right) => left.Value < right.Value;
    public static bool operator >(LogPosition left, LogPosition right) => left.Value > right.Value;
    public static bool operator <=(LogPosition left, LogPosition right) => left.Value <= right.Value;
    public static bool operator >=(LogPosition left, LogPosition right) => left.Value >= right.Value;
}
