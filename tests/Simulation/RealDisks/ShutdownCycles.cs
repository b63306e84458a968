using System.Collections.Immutable;
using System.Diagnostics;
using EntityActors.Simulation.Tests.Model;
using EntityActors.Simulation.Tests.Stores;
using EntityActors.Storage.Integrity;
using EntityActors.Storage.Io;
using EntityActors.Storage.Model;
using EntityActors.Tests.Shared;
using EntityActors.Tests.Shared.Faults;
using EntityActors.Tests.Shared.Processes;

namespace EntityActors.Simulation.Tests.RealDisks;

/// <summary>Cuts the power of a real file system under a store, again and again, and compares what is left with the model.</summary>
/// <remarks>
/// The cut comes before a call that the seed chooses, or, as in life, at a time of its own from another thread: the latter does not
/// replay exactly. The same disk goes on with the next cycle, so that recoveries are cut too.
/// </remarks>
internal sealed class ShutdownCycles(string type, long seed)
{
    public const int DiskMegabytes = 512;
    private const int CyclesPerDisk = 25;
    private const int StepsMax = 80;

    // One in three cuts falls into a start, as far as chance goes.
    private const int StartCalls = 200;
    private const int CallsMax = 2500;
    private static readonly TimeSpan DelayMax = TimeSpan.FromMilliseconds(600);

    private static readonly WorkloadFamily[] Families = [.. WorkloadFamily.All.Where(family => !family.FillsDisk)];

    private WorkloadFamily _family = Families[0];
    private ImmutableArray<ModelPromise> _promises;
    private DateTimeOffset _wall;

    /// <summary>Cuts so far; the last one was not survived when <see cref="Run"/> threw.</summary>
    public int Cycles { get; private set; }

    /// <summary>Cuts during a start, before anything was served.</summary>
    public int DuringStart { get; private set; }

    /// <summary>Events acknowledged before a cut, all of them looked for after it.</summary>
    public long Acknowledged { get; private set; }

    public static string? Unavailable(string type) => SmallFileSystem.Unavailable(DiskMegabytes, type);

    /// <summary>Throws when a cut was not survived.</summary>
    public void Run(int cycles, TimeSpan time)
    {
        var started = Stopwatch.GetTimestamp();
        while (Cycles < cycles && Stopwatch.GetElapsedTime(started) < time)
        {
            using var disk = new SmallFileSystem(DiskMegabytes, type);
            (_promises, _wall, _family) = (SimulatedStore.NoPromises, SimulationOptions.Start, Families[Cycles / CyclesPerDisk % Families.Length]);
            for (var i = 0; i < CyclesPerDisk && Cycles < cycles && Stopwatch.GetElapsedTime(started) < time; i++)
            {
                var random = SeedSource.For(seed, Cycles++);
                try
                {
                    Cycle(disk, random);
                }
                catch (Exception failure)
                {
                    throw new SimulationViolation($"{type}, seed {seed}, cycle {Cycles - 1}, the {i + 1}. of its disk: {failure}");
                }
            }
        }
    }

    private void Cycle(SmallFileSystem disk, Random random)
    {
        var cut = new PowerCut(disk, random);
        var files = new HookedFileSystem(PosixFileSystem.Instance);
        var options = _family.Store with { DataDirectory = Path.Combine(disk.Path, "data") };
        var store = new SimulatedStore(_family, files, options, _promises, _wall, random);
        var isServing = false;
        var isDrawn = random.Next(2) == 0;
        if (isDrawn) cut.After(TimeSpan.FromMicroseconds(random.Next((int)DelayMax.TotalMicroseconds)));
        else
        {
            var left = random.Next(random.Next(3) == 0 ? StartCalls : CallsMax);
            files.Before = (_, _) =>
            {
                if (left-- == 0) cut.Now();
            };
        }

        try
        {
            store.Open();
            isServing = true;
            store.Compare(isThorough: true);
            var activity = new StoreActivity(store);
            activity.AfterCrash();
            for (var i = random.Next(StepsMax); i > 0 && !cut.IsDone; i--) activity.Step();
        }
        catch (Exception failure) when (cut.IsDone && IsOfTheDisk(failure))
        {
            if (!isServing) DuringStart++;
        }

        files.Before = null;
        cut.Now();
        (_promises, _wall) = (store.Promises, store.Time.GetUtcNow());
        Acknowledged += _promises.Sum(promise => promise.Acknowledged);
        store.Abandon();
        var open = OpenFiles(disk.Path);
        SimulationViolation.Unless(open.Length == 0, $"a store that could not go on keeps files open: {string.Join(' ', open)}");
        disk.Reattach();
        Inspect(options.DataDirectory);
    }

    private void Inspect(string directory)
    {
        if (_promises.All(promise => promise.Acknowledged == 0)) return;
        _ = StoreInspector.Inspect(PosixFileSystem.Instance, directory, finding => SimulationViolation.Unless(
            finding.Severity != Severity.Damage, $"the inspector finds damage in {finding.Path}: {finding.Sentence}"), null);
    }

    private static string[] OpenFiles(string directory) =>
        [.. Directory.EnumerateFiles("/proc/self/fd").Select(descriptor => new FileInfo(descriptor).LinkTarget)
            .OfType<string>().Where(target => target.StartsWith(directory, StringComparison.Ordinal))];

    private static bool IsOfTheDisk(Exception failure) =>
        failure is StoreException || (failure is AggregateException failures && failures.InnerExceptions.All(IsOfTheDisk));

    /// <summary>Cuts the power once, whoever asks first.</summary>
    private sealed class PowerCut(SmallFileSystem disk, Random random)
    {
        private readonly bool _flushesJournal = random.Next(3) == 0;
        private readonly Lock _lock = new();
        private Thread? _thread;
        private volatile bool _isDone;

        public bool IsDone => _isDone;

        public void After(TimeSpan delay)
        {
            _thread = new Thread(() =>
            {
                Thread.Sleep(delay);
                Cut();
            });
            _thread.Start();
        }

        public void Now()
        {
            Cut();
            _thread?.Join();
        }

        private void Cut()
        {
            lock (_lock)
            {
                if (_isDone) return;
                // Before the call: what fails because of it must not be taken for a fault of the store.
                _isDone = true;
                disk.ShutDown(_flushesJournal);
            }
        }
    }
}
