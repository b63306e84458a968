using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;

namespace EntityActors.Chaos.Nodes;

/// <summary>Sockets of another network namespace. A socket belongs to the namespace of the thread that made it, for ever.</summary>
internal static partial class NetworkNamespace
{
    private const int NetworkOnly = 0x40000000;

    public static async ValueTask<Stream> ConnectAsync(string name, DnsEndPoint endPoint, CancellationToken cancellation)
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
