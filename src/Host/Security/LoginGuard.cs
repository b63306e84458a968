namespace EntityActors.Host.Security;

/// <summary>Counts failed logins by name and closes a name for a time after too many. Thread-safe.</summary>
/// <remarks>
/// A name counts whether a user has it or not, so that being closed tells nothing. Kept in memory: a node's restart forgets it, and each node
/// counts for itself.
/// </remarks>
internal sealed class LoginGuard(SecuritySettings settings, TimeProvider time)
{
    private readonly Lock _gate = new();
    private readonly Dictionary<string, Failures> _names = new(StringComparer.Ordinal);
    private readonly Queue<string> _order = new();

    /// <summary>How much longer the name is closed; null when it is open.</summary>
    public TimeSpan? ClosedFor(string name)
    {
        lock (_gate)
        {
            if (!_names.TryGetValue(name, out var failures)) return null;
            var left = settings.LockoutTime - time.GetElapsedTime(failures.LastAt);
            return failures.Count >= settings.LockoutFailures && left > TimeSpan.Zero ? left : null;
        }
    }

    /// <returns>True when this failure closed the name.</returns>
    public bool Fail(string name)
    {
        lock (_gate)
        {
            if (!_names.TryGetValue(name, out var failures))
            {
                while (_names.Count >= settings.LockoutNames && _order.TryDequeue(out var oldest)) _names.Remove(oldest);
                _names[name] = failures = new Failures();
                _order.Enqueue(name);
            }

            // After a pause it begins anew: nobody is closed for failures of other days.
            if (failures.Count > 0 && time.GetElapsedTime(failures.LastAt) >= settings.LockoutTime) failures.Count = 0;
            failures.Count++;
            failures.LastAt = time.GetTimestamp();
            return failures.Count == settings.LockoutFailures;
        }
    }

    public void Succeed(string name)
    {
        lock (_gate)
        {
            // Its place in the queue stays, so that the queue never holds a name twice.
            if (_names.TryGetValue(name, out var failures)) failures.Count = 0;
        }
    }

    private sealed class Failures
    {
        public int Count { get; set; }

        public long LastAt { get; set; }
    }
}
