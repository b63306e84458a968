using System.Globalization;
using System.Text;

namespace EntityActors.Bench.Measurement;

/// <summary>A table as it goes into a closing note: title, machine, columns.</summary>
internal sealed class MarkdownTable(string title, params string[] columns)
{
    private readonly List<string[]> _rows = [];
    private readonly List<string> _notes = [];

    public void Add(params string[] cells)
    {
        if (cells.Length != columns.Length) throw new ArgumentException($"{cells.Length} cells for {columns.Length} columns", nameof(cells));
        _rows.Add(cells);
    }

    public void Note(string sentence) => _notes.Add(sentence);

    /// <summary>Three significant digits, thousands separated.</summary>
    public static string Number(double value)
    {
        if (!double.IsFinite(value)) return "–";
        var digits = value == 0 ? 0 : Math.Max(0, 2 - (int)Math.Floor(Math.Log10(Math.Abs(value))));
        return value.ToString("N" + Math.Min(digits, 4), CultureInfo.InvariantCulture);
    }

    public override string ToString()
    {
        var text = new StringBuilder();
        text.Append("### ").AppendLine(title).AppendLine();
        text.AppendLine(Row(columns));
        text.AppendLine("|" + string.Concat(columns.Select((_, i) => i == 0 ? " --- |" : " ---: |")));
        foreach (var row in _rows) text.AppendLine(Row(row));
        if (_notes.Count > 0) text.AppendLine();
        foreach (var note in _notes) text.Append("- ").AppendLine(note);
        return text.ToString();
    }

    private static string Row(string[] cells) => "| " + string.Join(" | ", cells) + " |";
}
