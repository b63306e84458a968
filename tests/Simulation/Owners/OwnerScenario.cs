namespace EntityActors.Simulation.Tests.Owners;

/// <summary>One thing that an owner does.</summary>
internal enum OwnerStepKind
{
    /// <summary>Claims the shard, reads what is before, and serves: a take-over, or a restart of the shard in its own process.</summary>
    Open = 1,

    /// <summary>The same from the header before the newest one, with a longer replay.</summary>
    OpenBack,

    /// <summary>Prepare, append, sync, owner check, acknowledgement.</summary>
    Write,

    /// <summary>A read of what is acknowledged, with the owner check before its reply.</summary>
    Read,

    /// <summary>A read as of a time that a query fixed for all shards: nothing may ever be recorded below it.</summary>
    FixedRead,

    /// <summary>Freeze, write, validate, commit the header, change places in memory.</summary>
    Checkpoint,

    /// <summary>A checkpoint that validation refuses: it is written and given up.</summary>
    Refused,

    /// <summary>Merge of segments, in the same steps as a checkpoint.</summary>
    Merge,

    /// <summary>What follows a checkpoint: headers, segments, claims, log files, dead logs.</summary>
    Trim,

    /// <summary>A write of a shard of its own that nobody else wants, which shares the log.</summary>
    OtherShard,

    /// <summary>One group of the log with a write of the contested shard and one of the other.</summary>
    Group,

    /// <summary>The clock goes on and its reservation is renewed.</summary>
    Clock,

    /// <summary>The log was idle and tells its watermark.</summary>
    Idle,

    /// <summary>A clean stop of the process.</summary>
    Stop,

    /// <summary>Takes the other shard over, too: only then may the log of its owner go.</summary>
    OpenOther,

    /// <summary>Checkpoint and trim of the other shard.</summary>
    CheckpointOther,

    /// <summary>A read whose owner check is left out, to see that this is found.</summary>
    UncheckedRead,

    /// <summary>A write that is acknowledged before its sync and owner check, to see that this is found.</summary>
    HastyWrite,
}

/// <param name="Number">Of the command that is written: the same number in two owners is a client's retry with the same command id.</param>
internal readonly record struct OwnerStep(OwnerStepKind Kind, int Number)
{
    private const string Letters = " obwrfcxmtsgkiqpdRW";

    public override string ToString() => $"{Letters[(int)Kind]}{(Number > 0 ? Number.ToString(System.Globalization.CultureInfo.InvariantCulture) : "")}";

    /// <exception cref="FormatException">The text is no step.</exception>
    public static OwnerStep Parse(string text)
    {
        var kind = text.Length == 0 ? -1 : Letters.IndexOf(text[0], StringComparison.Ordinal);
        var number = 0;
        if (kind < 1 || (text.Length > 1 && !int.TryParse(text[1..], out number))) throw new FormatException($"'{text}' is no step");
        return new OwnerStep((OwnerStepKind)kind, number);
    }
}

/// <summary>What each of two or three owners does, in order. The first one serves the shard when it begins; the others have to open it.</summary>
internal sealed record OwnerScenario(IReadOnlyList<IReadOnlyList<OwnerStep>> Owners)
{
    /// <summary>Whether the other shard changes hands, too.</summary>
    public bool ContestsOther => Owners.Any(steps => steps.Any(step => step.Kind == OwnerStepKind.OpenOther));

    /// <summary>As <c>w1,r|o,w2</c>: owners apart by bars, steps by commas.</summary>
    public override string ToString() => string.Join('|', Owners.Select(steps => string.Join(',', steps)));

    /// <exception cref="FormatException">The text is not what <see cref="ToString"/> writes.</exception>
    public static OwnerScenario Parse(string text) =>
        new([.. text.Split('|').Select(owner => (IReadOnlyList<OwnerStep>)[.. owner.Split(',').Select(OwnerStep.Parse)])]);
}
