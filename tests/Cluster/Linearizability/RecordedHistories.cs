using System.Globalization;
using System.Text.RegularExpressions;
using EntityActors.Tests.Shared.Linearizability;

namespace EntityActors.Cluster.Tests.Linearizability;

/// <summary>Reads the recorded histories of tests/Data/linearizability, whose verdicts are known; their README tells the formats.</summary>
internal static partial class RecordedHistories
{
    public static string Directory => Path.Combine(AppContext.BaseDirectory, "Data", "linearizability");

    /// <summary>Operations on one register that is null at first.</summary>
    public static List<Operation<int?>> ReadRegister(string path)
    {
        var operations = new List<Operation<int?>>();
        var open = new Dictionary<string, (long Called, string Kind, string Value)>(StringComparer.Ordinal);
        var place = 0L;
        foreach (var line in File.ReadLines(path))
        {
            place++;
            if (EtcdLine().Match(line) is not { Success: true } match) continue;
            var (process, type) = (match.Groups["process"].Value, match.Groups["type"].Value);
            var (kind, value) = (match.Groups["kind"].Value, match.Groups["value"].Value);
            if (type == "invoke")
            {
                open.Add(process, (place, kind, value));
                continue;
            }

            if (!open.Remove(process, out var call)) throw new FormatException($"{path}:{place}: process {process} was not called");
            // A read without an answer says nothing.
            if (value == ":timed-out" && kind == "read") continue;
            operations.Add(RegisterOperation(call.Called, type == "info" ? null : place, call.Kind, call.Value, type == "ok", value));
        }

        foreach (var (_, (called, kind, value)) in open)
        {
            if (kind != "read") operations.Add(RegisterOperation(called, null, kind, value, isOk: true, value));
        }

        return operations;
    }

    /// <summary>Operations on texts by key, empty at first.</summary>
    public static Dictionary<string, List<Operation<string>>> ReadTexts(string path)
    {
        var byKey = new Dictionary<string, List<Operation<string>>>(StringComparer.Ordinal);
        var open = new Dictionary<string, (long Called, string Value)>(StringComparer.Ordinal);
        var place = 0L;
        foreach (var line in File.ReadLines(path))
        {
            place++;
            if (TextLine().Match(line) is not { Success: true } match) throw new FormatException($"{path}:{place}: {line}");
            var (process, value) = (match.Groups["process"].Value, match.Groups["value"].Value);
            if (match.Groups["type"].Value == "invoke")
            {
                open.Add(process, (place, value));
                continue;
            }

            if (!open.Remove(process, out var call)) throw new FormatException($"{path}:{place}: process {process} was not called");
            var key = match.Groups["key"].Value;
            if (!byKey.TryGetValue(key, out var operations)) byKey[key] = operations = [];
            operations.Add(new Operation<string>(line, call.Called, place, match.Groups["kind"].Value switch
            {
                "get" => state => state == value ? new SequentialStep<string>(state) : null,
                "put" => _ => new SequentialStep<string>(call.Value),
                _ => state => new SequentialStep<string>(state + call.Value),
            }));
        }

        return byKey;
    }

    private static Operation<int?> RegisterOperation(long called, long? returned, string kind, string argument, bool isOk, string answer)
    {
        var name = $"{kind} {argument}";
        switch (kind)
        {
            case "read":
                var seen = Number(answer);
                return new Operation<int?>(name, called, returned, state => state == seen ? new SequentialStep<int?>(state) : null);
            case "write":
                var written = Number(argument);
                return new Operation<int?>(name, called, returned, _ => new SequentialStep<int?>(written));
            default:
                var pair = argument.Trim('[', ']').Split(' ');
                var (from, to) = (Number(pair[0]), Number(pair[1]));
                // An open one may have met either; one that failed met another value.
                return new Operation<int?>(name, called, returned, state => returned is null
                    ? new SequentialStep<int?>(state == from ? to : state)
                    : isOk == (state == from) ? new SequentialStep<int?>(isOk ? to : state) : null);
        }
    }

    private static int? Number(string text) => text == "nil" ? null : int.Parse(text, CultureInfo.InvariantCulture);

    [GeneratedRegex(@"jepsen\.util - (?<process>\d+)\t:(?<type>invoke|ok|fail|info)\t:(?<kind>read|write|cas)\t(?<value>.+)$")]
    private static partial Regex EtcdLine();

    [GeneratedRegex("""^\{:process (?<process>\d+), :type :(?<type>invoke|ok), :f :(?<kind>get|put|append), :key "(?<key>[^"]*)", :value (?:"(?<value>[^"]*)"|nil)\}$""")]
    private static partial Regex TextLine();
}
