using System.Diagnostics;
using System.Globalization;
using EntityActors.Chaos.Nodes;
using EntityActors.Tests.Shared.Processes;

namespace EntityActors.Chaos.Faults;

/// <summary>The disk of all nodes is full for a while.</summary>
internal sealed class DiskFullFault(IDiskFiller? disk, string? unavailable) : IFaultInjector
{
    private static readonly TimeSpan TimeMin = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan TimeMax = TimeSpan.FromSeconds(8);
    private int _isFull;

    public FaultKind Kind => FaultKind.DiskFull;

    public string? Unavailable => disk is null ? unavailable ?? "the data directory has no file system of its own" : null;

    public async Task<bool> TryInjectAsync(FaultSite site, CancellationToken end)
    {
        if (Interlocked.Exchange(ref _isFull, 1) == 1) return false;
        try
        {
            var record = site.Begin(Kind, "disk");
            disk!.Fill(freeBytes: site.Draw(0, 1024 * 1024));
            await FaultSite.WaitAsync(site.DrawDuration(TimeMin, TimeMax), end);
            disk.Free();
            site.End(record);
            return true;
        }
        finally
        {
            _isFull = 0;
        }
    }
}

/// <summary>The kernel answers some of a running process's syncs or writes with EIO, by <c>strace -e inject</c>.</summary>
internal sealed class DiskErrorFault(string? unavailable) : IFaultInjector
{
    private static readonly TimeSpan TimeMin = TimeSpan.FromMilliseconds(300);
    private static readonly TimeSpan TimeMax = TimeSpan.FromSeconds(3);
    private static readonly TimeSpan DetachMax = TimeSpan.FromSeconds(10);
    private static readonly string[] Calls = ["fdatasync", "fsync", "pwrite64"];

    public FaultKind Kind => FaultKind.DiskError;

    public string? Unavailable => unavailable;

    /// <summary>Why this machine cannot trace processes; null when it can.</summary>
    public static string? UnavailableHere()
    {
        try
        {
            var info = new ProcessStartInfo("strace") { UseShellExecute = false, RedirectStandardError = true };
            foreach (var argument in (string[])["-o", "/dev/null", "-e", "trace=fsync", "true"]) info.ArgumentList.Add(argument);
            using var process = Process.Start(info)!;
            process.WaitForExit();
            return process.ExitCode == 0 ? null : "strace cannot trace a process here";
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return "strace is not installed";
        }
    }

    public async Task<bool> TryInjectAsync(FaultSite site, CancellationToken end)
    {
        if (site.TryTake(free => free.Where(static node => node.ProcessId is not null).OrderBy(_ => site.Draw(0, int.MaxValue)).FirstOrDefault())
            is not { ProcessId: { } process } node) return false;
        try
        {
            var call = Calls[site.Draw(0, Calls.Length)];
            var every = site.Draw(1, 30);
            var record = site.Begin(Kind, node.Name, string.Create(CultureInfo.InvariantCulture, $"{call} of every {every}"));
            var info = new ProcessStartInfo("strace") { UseShellExecute = false, RedirectStandardError = true, RedirectStandardOutput = true };
            foreach (var argument in (string[])["-f", "-qq", "-o", "/dev/null", "-p", process.ToString(CultureInfo.InvariantCulture), "-e", $"trace={call}", "-e",
                string.Create(CultureInfo.InvariantCulture, $"inject={call}:error=EIO:when={every}+{every}")]) info.ArgumentList.Add(argument);
            using var strace = Process.Start(info) ?? throw new InvalidOperationException("strace did not start");
            var output = Task.WhenAll(strace.StandardError.ReadToEndAsync(CancellationToken.None), strace.StandardOutput.ReadToEndAsync(CancellationToken.None));
            await FaultSite.WaitAsync(site.DrawDuration(TimeMin, TimeMax), end);
            // Asked to end, it detaches and the process goes on without it.
            if (!strace.HasExited) _ = PosixSignals.Kill(strace.Id, PosixSignals.Interrupt);
            using var limit = new CancellationTokenSource(DetachMax);
            try
            {
                await strace.WaitForExitAsync(limit.Token);
            }
            catch (OperationCanceledException)
            {
                strace.Kill();
                await strace.WaitForExitAsync(CancellationToken.None);
            }

            _ = await output;
            site.End(record);
            return true;
        }
        finally
        {
            site.Give(node);
        }
    }
}
