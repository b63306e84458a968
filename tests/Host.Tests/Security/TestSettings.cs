using EntityActors.Actors.Hosting;
using EntityActors.Host.Security;

namespace EntityActors.Host.Tests.Security;

/// <summary>The built-in settings with some of a test's own over them.</summary>
internal static class TestSettings
{
    public static SecuritySettings Of(string hocon) => SecuritySettings.From(StoreHocon.For([], [hocon], isMember: false));
}

/// <summary>A clock that stands still until it is moved.</summary>
internal sealed class SettableTime : TimeProvider
{
    private long _ticks = TimeSpan.TicksPerDay;

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    public override long GetTimestamp() => Volatile.Read(ref _ticks);

    public override DateTimeOffset GetUtcNow() => DateTimeOffset.UnixEpoch.AddTicks(GetTimestamp());

    public void Advance(TimeSpan time) => Interlocked.Add(ref _ticks, time.Ticks);
}
