using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;

namespace EntityActors.Tests.Shared.Networks;

/// <summary>Sockets of another network namespace. A socket belongs to the namespace of the thread that made it, for ever.</summary>
public static partial class NetworkNamespace
{
    private const int NetworkOnly = 0x40000000;

    /// <summary>Lets a program run in the namespace.</summary>
    public static ProcessStartInfo Inside(string name, ProcessStartInfo info)
    {
        string[] own = [info.FileName, .. info.ArgumentList];
        info.FileName = "ip";
        info.ArgumentList.Clear();
        foreach (var argument in (string[])["netns", "exec", name, .. own]) info.ArgumentList.Add(argument);
        return info;
    }

    /// <summary>For an HTTP client of a server in the namespace.</summary>
    public static Func<SocketsHttpConnectionContext, CancellationToken, ValueTask<Stream>> Connector(string name) =>
        (context, cancellation) => ConnectAsync(name, context.DnsEndPoint, cancellation);

    private static async ValueTask<Stream> ConnectAsync(string name, DnsEndPoint endPoint, CancellationToken cancellation)
    {
        var made = new TaskCompletionSource<Socket>(TaskCreationOptions.RunContinuationsAsynchronously);
        // A thread of its own, which ends here: no other work may find itself in the wrong namespace.
        new Thread(() =>
        {
            try
            {
                Enter("/run/netns/" + name);
                made.SetResult(new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true });
            }
            catch (Exception cause)
            {
                made.SetException(cause);
            }
        }).Start();
        var socket = await made.Task;
        try
        {
            await socket.ConnectAsync(new IPEndPoint(IPAddress.Parse(endPoint.Host), endPoint.Port), cancellation);
            return new NetworkStream(socket, ownsSocket: true);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    private static void Enter(string path)
    {
        using var handle = File.OpenHandle(path);
        if (SetNamespace((int)handle.DangerousGetHandle(), NetworkOnly) != 0)
            throw new InvalidOperationException($"setns {path}: {Marshal.GetPInvokeErrorMessage(Marshal.GetLastPInvokeError())}");
    }

    [LibraryImport("libc", EntryPoint = "setns", SetLastError = true)]
    private static partial int SetNamespace(int descriptor, int type);
}
