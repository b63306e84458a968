using System.Collections.Concurrent;
using System.Diagnostics;
using EntityActors.Simulation.Tests.Exploration;
using EntityActors.Simulation.Tests.Model;

namespace EntityActors.Simulation.Tests.Damage;

/// <param name="Seed">Of the store; each is explored stopped and killed, then the next seed follows.</param>
/// <param name="Images">Images to try; 0 is every image of the first seed's two stores.</param>
/// <param name="Time">Ends the exploration earlier.</param>
/// <param name="GoesOnInterval">One in so many images goes on with a change, checkpoints and another start.</param>
internal sealed record DamageLimits(long Seed, long Images, TimeSpan Time, int Operations = DamageLimits.OperationsDefault, int Threads = 2, int GoesOnInterval = 16)
{
    public const int OperationsDefault = 120;
}

/// <summary>A broken promise, with what replays it alone.</summary>
internal sealed record DamageFinding(DamageBase Store, DamageImage Image, string Sentence)
{
    public override string ToString() =>
        $"seed {Store.Seed}, operations {Store.Operations}, {(Store.IsStopped ? "stopped" : "killed")}, image {Image}: {Sentence}";
}

/// <summary>Damages a small store in every way and looks what becomes of its answers.</summary>
internal sealed class DamageExplorer(DamageLimits limits)
{
    private const int FindingsMax = 40;

    private readonly ConcurrentQueue<DamageFinding> _findings = new();
    private readonly ConcurrentDictionary<(StoredFileKind File, DamageKind Kind, DamageOutcome Outcome), long> _counts = [];
    private readonly Stopwatch _clock = new();
    private long _images;

    public IReadOnlyCollection<DamageFinding> Findings => _findings;

    public IReadOnlyDictionary<(StoredFileKind File, DamageKind Kind, DamageOutcome Outcome), long> Counts => _counts;

    public long Images => _counts.Values.Sum();

    public long WentOn { get; private set; }

    /// <summary>Bytes of the stores whose images were tried.</summary>
    public long StoreBytes { get; private set; }

    public TimeSpan Elapsed => _clock.Elapsed;

    private bool IsOver => (limits.Images > 0 && Volatile.Read(ref _images) >= limits.Images) || _clock.Elapsed >= limits.Time || _findings.Count >= FindingsMax;

    public void Run()
    {
        _clock.Start();
        for (var seed = limits.Seed; !IsOver; seed++)
        {
            foreach (var isStopped in new[] { true, false })
            {
                var store = DamageBase.Of(seed, limits.Operations, isStopped);
                StoreBytes += store.Paths.Sum(path => StoredFiles.Content(store.Disk, path).Length);
                Explore(store, limits.Images > 0 ? Sample(store) : Enum.GetValues<DamageKind>().SelectMany(store.Images));
            }

            if (limits.Images == 0) break;
        }

        _clock.Stop();
    }

    /// <summary>Tries one image alone and says what it led to.</summary>
    public static DamageOutcome Replay(long seed, int operations, bool isStopped, DamageImage image) =>
        new DamageCheck(DamageBase.Of(seed, operations, isStopped), image).Run(goesOn: true);

    /// <summary>A share of the images for this store: as many of each kind where there are so many, drawn from the seed.</summary>
    private List<DamageImage> Sample(DamageBase store)
    {
        var random = CrashPath.None.RandomFor(store.Seed, purpose: store.IsStopped ? 23 : 24);
        var kinds = Enum.GetValues<DamageKind>();
        var share = (int)Math.Max(1, limits.Images / (2 * kinds.Length));
        var drawn = new List<DamageImage>();
        foreach (var kind in kinds)
        {
            // Of each file, so that a large one does not hide the small ones.
            foreach (var file in store.Images(kind).GroupBy(image => image.Path))
            {
                var images = file.ToArray();
                random.Shuffle(images);
                drawn.AddRange(images.Take(Math.Max(1, share / store.Paths.Length)));
            }
        }

        return drawn;
    }

    private void Explore(DamageBase store, IEnumerable<DamageImage> images)
    {
        using var source = images.GetEnumerator();
        var gate = new Lock();
        var number = 0L;
        var workers = new Thread[limits.Threads];
        for (var i = 0; i < workers.Length; i++)
        {
            workers[i] = new Thread(() =>
            {
                while (!IsOver)
                {
                    DamageImage image;
                    bool goesOn;
                    lock (gate)
                    {
                        if (!source.MoveNext()) return;
                        image = source.Current;
                        goesOn = number++ % limits.GoesOnInterval == 0;
                        if (goesOn) WentOn++;
                    }

                    Interlocked.Increment(ref _images);
                    Try(store, image, goesOn);
                }
            });
            workers[i].Start();
        }

        foreach (var worker in workers) worker.Join();
    }

    private void Try(DamageBase store, DamageImage image, bool goesOn)
    {
        try
        {
            var outcome = new DamageCheck(store, image).Run(goesOn);
            _counts.AddOrUpdate((store.KindOf(image.Path), image.Kind, outcome), 1, static (_, count) => count + 1);
        }
        catch (Exception failure)
        {
            _findings.Enqueue(new DamageFinding(store, image, failure is SimulationViolation ? failure.Message : failure.ToString()));
        }
    }
}
