using Xunit;

namespace EntityActors.Actors.Tests.Hosting;

/// <summary>Waits for what a node does in its own time.</summary>
internal static class Eventually
{
    private const int LongestMilliseconds = 30_000;

    /// <param name="state">What is to be told when it never holds.</param>
    public static Task HoldsAsync(Func<bool> condition, Func<string> state) => HoldsAsync(() => Task.FromResult(condition()), state);

    public static async Task HoldsAsync(Func<Task<bool>> condition, Func<string> state)
    {
        for (var deadline = Environment.TickCount64 + LongestMilliseconds; !await condition();)
        {
            Assert.True(Environment.TickCount64 < deadline, state());
            await Task.Delay(5);
        }
    }
}
