using System.Globalization;

namespace EntityActors.Storage.CommitLog;

/// <summary>Names one log for ever: random, drawn anew at each process start and after each failed log. 0 is no log.</summary>
public readonly record struct LogId(ulong Value)
{
    public override string ToString() => Value.ToString("x16", CultureInfo.InvariantCulture);

    public static bool TryParse(string text, out LogId log)
    {
        log = default;
        if (text.Length != 16 || !ulong.TryParse(text, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var value))
            return false;
        log = new LogId(value);
        return value != 0 && log.ToString() == text;
    }
}
