using System.CommandLine;
using System.Diagnostics;
using System.Net;
using System.Net.Sockets;

namespace EntityActors.Host.Cli;

/// <summary><c>ea up</c>: a cluster on this machine for a look, each node a process of its own.</summary>
/// <remarks>
/// A node lives as long as its standard input, which is a pipe from here: it ends in order when the pipe is closed, and also when this process
/// is killed, so none is left behind. Ctrl-C of a terminal reaches the nodes too; they leave it to this process, which ends them one after another.
/// </remarks>
internal static class UpCommand
{
    private const int NodeCountMax = 16;
    private const string Loopback = "127.0.0.1";

    private static readonly Option<int> Nodes = new("--nodes") { Description = "Processes to start", DefaultValueFactory = _ => 3 };

    private static readonly Option<string?> Http = new("--http")
    {
        Description = "Address of the first node's HTTP interface, default http://127.0.0.1:8085; the others take the ports that follow, or with port 0 any",
    };

    public static Command Create()
    {
        var command = new Command("up", "Starts a cluster of several nodes on this machine, for a look")
        {
            Nodes, ServeCommand.Data, Http, ServeCommand.Shards, ServeCommand.Hocon,
        };
        foreach (var option in ServeCommand.Tls.Concat(ServeCommand.Security)) command.Options.Add(option);
        command.SetAction(RunAsync);
        return command;
    }

    private static async Task<int> RunAsync(ParseResult result, CancellationToken cancellation)
    {
        var count = result.GetValue(Nodes);
        if (count is < 1 or > NodeCountMax) throw new UsageException($"--nodes is 1 to {NodeCountMax}, not {count}");
        var http = ServeCommand.Address(result.GetValue(Http) ?? "http://127.0.0.1:8085");
        if (http.Port > 0 && http.Port + count - 1 > IPEndPoint.MaxPort) throw new UsageException($"there are no {count} ports from {http.Port} on");
        if (http.Port > 0)
        {
            for (var i = 0; i < count; i++) ServeCommand.CheckFree(At(http, i));
        }

        var ports = FreePorts(count);
        var nodes = new List<Process>();
        try
        {
            for (var i = 0; i < count; i++) nodes.Add(Start(result, i, http, ports));
            var ended = nodes.Select(node => node.WaitForExitAsync(CancellationToken.None)).ToList();
            var all = Task.WhenAll(ended);
            var stopping = Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, cancellation);
            // A node that ends by itself has said why; the others go on.
            while (!all.IsCompleted && !stopping.IsCompleted)
            {
                var first = await Task.WhenAny(ended.Where(task => !task.IsCompleted).Append(stopping));
                if (first != stopping) await Console.Error.WriteLineAsync($"ea: {nodes.Count(node => node.HasExited)} of {count} nodes have ended");
            }

            // The last one first: each hands its shards to those that are left.
            for (var i = count - 1; i >= 0; i--)
            {
                nodes[i].StandardInput.Close();
                await ended[i];
            }

            return nodes.Max(node => node.ExitCode);
        }
        finally
        {
            foreach (var node in nodes) node.Dispose();
        }
    }

    /// <summary>Address of a node, by its number from 0.</summary>
    private static Uri At(Uri http, int number) => new UriBuilder(http) { Port = http.Port == 0 ? 0 : http.Port + number }.Uri;

    private static Process Start(ParseResult result, int number, Uri http, List<int> ports)
    {
        var info = new ProcessStartInfo(Environment.ProcessPath!)
        {
            UseShellExecute = false, RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true,
        };
        // Under "dotnet ea.dll" the process is dotnet.
        if (Path.GetFileNameWithoutExtension(info.FileName) == "dotnet") info.ArgumentList.Add(typeof(UpCommand).Assembly.Location);
        var name = $"node-{number + 1}";
        var address = At(http, number);
        List<string> arguments =
        [
            "serve", ServeCommand.UntilInputEnds.Name, "--http", address.ToString(), "--node", name, "--host", Loopback,
            "--cluster-port", $"{ports[number]}",
        ];
        foreach (var port in ports) arguments.AddRange(["--seed", $"{Loopback}:{port}"]);
        if (result.GetValue(ServeCommand.Data) is { } data) arguments.AddRange(["--data", data]);
        if (result.GetValue(ServeCommand.Shards) is { } shards) arguments.AddRange(["--shards", $"{shards}"]);
        foreach (var file in result.GetValue(ServeCommand.Hocon) ?? []) arguments.AddRange(["--hocon", file]);
        foreach (var option in ServeCommand.Tls.Concat(ServeCommand.Security))
        {
            if (result.GetValue(option) is { } file) arguments.AddRange([option.Name, file]);
        }

        foreach (var argument in arguments) info.ArgumentList.Add(argument);
        var process = Process.Start(info) ?? throw new IOException($"{info.FileName} does not start");
        process.OutputDataReceived += (_, line) => Tell(Console.Out, "", line.Data);
        process.ErrorDataReceived += (_, line) => Tell(Console.Error, $"{name}: ", line.Data);
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        return process;
    }

    private static void Tell(TextWriter writer, string prefix, string? line)
    {
        if (line is not null) writer.WriteLine(prefix + line);
    }

    /// <summary>All at once, so that they differ.</summary>
    private static List<int> FreePorts(int count)
    {
        var listeners = Enumerable.Range(0, count).Select(_ => new TcpListener(IPAddress.Loopback, 0)).ToList();
        try
        {
            foreach (var listener in listeners) listener.Start();
            return [.. listeners.Select(listener => ((IPEndPoint)listener.LocalEndpoint).Port)];
        }
        finally
        {
            foreach (var listener in listeners) listener.Dispose();
        }
    }
}
