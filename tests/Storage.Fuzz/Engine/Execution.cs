namespace EntityActors.Storage.Fuzz.Engine;

/// <summary>Why one execution is a finding.</summary>
/// <param name="Signature">Equal for findings of one cause, as far as that can be told: what was thrown, and where.</param>
internal sealed record Fault(string Signature, string Text);

/// <summary>One run of a decoder on one input, held to the rules.</summary>
internal static class Execution
{
    public const long AllocatedBytesMax = 64L * 1024 * 1024;

    private const string Product = "EntityActors.";

    public static Fault? Run(Decoder decoder, byte[] input, out long allocated)
    {
        Fault? fault = null;
        var before = GC.GetAllocatedBytesForCurrentThread();
        try
        {
            decoder.Run(input);
        }
        catch (Exception failure) when (decoder.IsExpected(failure))
        {
            // The documented answer to bytes that are wrong.
        }
        catch (Exception failure)
        {
            // Whatever else comes out is what is looked for, of whichever type.
            fault = new Fault($"{failure.GetType().Name} {FrameOf(failure)}", failure.ToString());
        }

        allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        return fault ?? (allocated > AllocatedBytesMax ? new Fault("allocation", $"{allocated} bytes allocated") : null);
    }

    private static string FrameOf(Exception failure)
    {
        foreach (var line in (failure.StackTrace ?? "").Split('\n'))
        {
            var at = line.IndexOf(Product, StringComparison.Ordinal);
            if (at >= 0 && !line.Contains("Storage.Fuzz", StringComparison.Ordinal)) return line[at..].Split(" in ")[0].Trim();
        }

        return "outside the product";
    }
}
