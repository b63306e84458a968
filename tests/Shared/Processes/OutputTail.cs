using System.Text;

namespace EntityActors.Tests.Shared.Processes;

/// <summary>The last lines a process wrote, for failure messages. Bounded, thread-safe.</summary>
public sealed class OutputTail(int lineCountMax = 400)
{
    private readonly Lock _gate = new();
    private readonly Queue<string> _lines = new();

    public void Add(string line)
    {
        lock (_gate)
        {
            _lines.Enqueue(line);
            if (_lines.Count > lineCountMax) _lines.Dequeue();
        }
    }

    public override string ToString()
    {
        lock (_gate)
        {
            var text = new StringBuilder();
            foreach (var line in _lines) text.AppendLine(line);
            return text.ToString();
        }
    }
}
