using System.Diagnostics;

namespace EntityActors.Storage.Fuzz.Engine;

/// <summary>Fuzzes one decoder: inputs that reach something new are kept and changed further. A seed replays the run.</summary>
internal sealed class FuzzRun(Decoder decoder, ulong seed, FindingStore findings, CurrentInput current)
{
    private const int SignaturesMax = 20;
    private const int ShrinkRunsMax = 2_000;
    private const int ExitHung = 3;

    private readonly CoverageMap _coverage = new();
    private readonly List<byte[]> _corpus = [];
    private readonly HashSet<string> _signatures = [];
    private readonly FuzzRandom _random = new(seed);
    private long _executions;
    private long _allocatedMax;

    public FuzzReport Run(long executions, TimeSpan limit)
    {
        current.Begin(decoder.Name);
        var started = Stopwatch.GetTimestamp();
        byte[][] seeds = [.. decoder.Seeds()];
        using var watchdog = new Watchdog(Hung);
        foreach (var input in seeds) TrySeed(input, watchdog);
        var mutator = new Mutator(_random, seeds, decoder.Words);
        while (_executions < executions && _signatures.Count < SignaturesMax)
        {
            if (_executions % 64 == 0 && Stopwatch.GetElapsedTime(started) > limit) break;
            Try(mutator.Mutate(Parent(), _corpus[_random.Below(_corpus.Count)]), watchdog);
        }

        return new FuzzReport(decoder.Name, _executions, Stopwatch.GetElapsedTime(started).TotalSeconds, _corpus.Count, _coverage.EdgeCount,
            _signatures.Count, _allocatedMax);
    }

    /// <summary>A seed stays whether it is new or not, so that there always is an input to change.</summary>
    private void TrySeed(byte[] input, Watchdog watchdog)
    {
        if (!Try(input, watchdog)) _corpus.Add(input);
    }

    private bool Try(byte[] input, Watchdog watchdog)
    {
        current.Set(input);
        CoverageMap.Begin();
        watchdog.Step();
        var fault = Execution.Run(decoder, input, out var allocated);
        watchdog.Step();
        _executions++;
        _allocatedMax = Math.Max(_allocatedMax, allocated);
        if (fault is not null && _signatures.Add(fault.Signature))
            Console.WriteLine(findings.Add(decoder.Name, fault.Text, Shrink(input, fault.Signature)));
        if (!_coverage.End()) return false;
        _corpus.Add(input);
        return true;
    }

    /// <summary>What was found last is changed half of the time.</summary>
    private byte[] Parent()
    {
        var recent = Math.Max(1, _corpus.Count / 8);
        return _random.Below(2) == 0 ? _corpus[^(1 + _random.Below(recent))] : _corpus[_random.Below(_corpus.Count)];
    }

    /// <summary>Leaves out what the fault does not need.</summary>
    private byte[] Shrink(byte[] input, string signature)
    {
        var runs = 0;
        for (var size = input.Length / 2; size > 0; size /= 2)
        {
            for (var at = 0; at + size <= input.Length && runs < ShrinkRunsMax; runs++)
            {
                byte[] shorter = [.. input.AsSpan(0, at), .. input.AsSpan(at + size)];
                if (Execution.Run(decoder, shorter, out _)?.Signature == signature) input = shorter;
                else at += size;
            }
        }

        return input;
    }

    private void Hung()
    {
        // The input is in the mapped file; the campaign reads it from there.
        Console.WriteLine($"{decoder.Name}: an execution took longer than a second");
        Console.Out.Flush();
        Environment.Exit(ExitHung);
    }
}
