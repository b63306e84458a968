using System.Collections.Concurrent;
using Akka.Configuration;
using Akka.Dispatch;
using EntityActors.TestCluster.Nodes;

namespace EntityActors.TestCluster.Pausing;

/// <summary>Runs the actors of a dispatcher on as many threads as its settings say, or on the pool, and starts none while the node stands still.</summary>
/// <remarks>Akka creates it by name. What runs when the node is paused goes on until its mailbox's turn is over, or to its next call to the disk.</remarks>
internal sealed class PausableExecutor(Config config, IDispatcherPrerequisites prerequisites) : ExecutorServiceConfigurator(config, prerequisites)
{
    private const string ThreadCount = "dedicated-thread-pool.thread-count";

    /// <summary>Settings that put this executor under a dispatcher.</summary>
    public static string Hocon(string dispatcher) =>
        $"{dispatcher} {{ type = Dispatcher, executor = \"{typeof(PausableExecutor).FullName},{typeof(PausableExecutor).Assembly.GetName().Name}\" }}";

    public override ExecutorService Produce(string id)
    {
        var life = NodeParts.Of(Prerequisites.Settings.Config);
        if (!Config.HasPath(ThreadCount)) return new PoolExecutor(id, life.Gate);
        var executor = new ThreadsExecutor(id, life.Gate, Config.GetInt(ThreadCount));
        // Akka leaves the threads of a system that has ended alone.
        life.AtEnd(executor.Shutdown);
        return executor;
    }

    private sealed class PoolExecutor(string id, PauseGate gate) : ExecutorService(id)
    {
        public override void Execute(IRunnable run) => ThreadPool.UnsafeQueueUserWorkItem(RunOrHold, run, preferLocal: false);

        public override void Shutdown()
        {
        }

        private void RunOrHold(IRunnable run)
        {
            if (gate.IsPaused) gate.Run(() => Execute(run));
            else run.Run();
        }
    }

    private sealed class ThreadsExecutor : ExecutorService
    {
        private readonly BlockingCollection<IRunnable> _queue = [];
        private readonly PauseGate _gate;

        public ThreadsExecutor(string id, PauseGate gate, int threadCount)
            : base(id)
        {
            _gate = gate;
            for (var i = 0; i < threadCount; i++) new Thread(Work) { IsBackground = true, Name = $"{id}-{i}" }.Start();
        }

        public override void Execute(IRunnable run)
        {
            if (_queue.IsAddingCompleted) throw new RejectedExecutionException($"{Id} is shut down");
            _queue.Add(run);
        }

        public override void Shutdown() => _queue.CompleteAdding();

        private void Work()
        {
            foreach (var run in _queue.GetConsumingEnumerable())
            {
                if (_gate.IsPaused) _gate.AwakeAsync(CancellationToken.None).Wait();
                run.Run();
            }
        }
    }
}
