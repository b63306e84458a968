using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using Akka.Actor;
using Akka.Remote.Transport;
using EntityActors.Actors.Tests.Hosting;
using EntityActors.Actors.Tls;
using EntityActors.Tests.Shared;
using EntityActors.Tests.Shared.Tls;
using Google.Protobuf;
using Xunit;

namespace EntityActors.Actors.Tests.Tls;

/// <summary>Two ends of one connection, without Akka above it.</summary>
public sealed class TlsAssociationTests : IAsyncLifetime, IDisposable
{
    private const string Host = "127.0.0.1";
    private const int FrameBytesMax = 200_000;
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);

    private readonly TempDirectory _directory = new();
    private readonly TestAuthority _authority = new();
    private TlsAssociation _near = null!;
    private TlsAssociation _far = null!;

    public async Task InitializeAsync() => (_near, _far) = await ConnectedAsync(FrameBytesMax, FrameBytesMax);

    public async Task DisposeAsync()
    {
        foreach (var end in new[] { _near, _far }) end.Close();
        await Task.WhenAll(_near.Ended, _far.Ended).WaitAsync(Limit);
    }

    public void Dispose()
    {
        _authority.Dispose();
        _directory.Dispose();
    }

    [Fact]
    public async Task Frames_of_every_size_arrive_in_order_in_both_directions_and_before_the_end()
    {
        var seed = SeedSource.Next();
        var random = SeedSource.For(seed, 0);
        var (here, there) = (new Listener(_near), new Listener(_far));
        var frames = Enumerable.Range(0, 60).Select(i => i switch { 0 => 0, 1 => FrameBytesMax, _ => random.Next(FrameBytesMax) })
            .Select(size => { var frame = new byte[size]; random.NextBytes(frame); return ByteString.CopyFrom(frame); }).ToList();
        await Task.WhenAll(SendAsync(_near, frames), SendAsync(_far, frames));
        // What waits to be sent goes first.
        _near.Close();
        await Eventually.HoldsAsync(() => there.Ended, () => $"seed {seed}: {there.Frames.Count} frames");
        Assert.True(frames.SequenceEqual(there.Frames), $"seed {seed}: {there.Frames.Count} frames");
        Assert.True(here.Frames.SequenceEqual(frames.Take(here.Frames.Count)), $"seed {seed}: {here.Frames.Count} frames");
        await Task.WhenAll(_near.Ended, _far.Ended).WaitAsync(Limit);
        Assert.False(_near.Write(frames[0]) || _far.Write(frames[0]));
    }

    [Fact]
    public async Task What_waits_to_be_sent_is_bounded()
    {
        // Nobody reads at the other end, so what the system does not buffer waits here.
        var frame = ByteString.CopyFrom(new byte[FrameBytesMax / 2]);
        var count = 0;
        await Eventually.HoldsAsync(() => !_near.Write(frame) || ++count > 1_000, () => $"{count} frames");
        Assert.InRange(count, 2, 1_000);
        var there = new Listener(_far);
        await SendAsync(_near, [frame]);
        await Eventually.HoldsAsync(() => there.Frames.Count == count + 1, () => $"{there.Frames.Count} of {count + 1} frames");
    }

    [Fact]
    public async Task A_frame_above_the_limit_ends_the_connection()
    {
        var (near, far) = await ConnectedAsync(2 * FrameBytesMax, FrameBytesMax);
        var (_, there) = (new Listener(near), new Listener(far));
        Assert.True(near.Write(ByteString.CopyFrom(new byte[FrameBytesMax + 1])));
        await Task.WhenAll(near.Ended, far.Ended).WaitAsync(Limit);
        Assert.True(there.Ended);
        Assert.Empty(there.Frames);
    }

    private static async Task SendAsync(TlsAssociation end, IReadOnlyList<ByteString> frames)
    {
        foreach (var frame in frames)
            await Eventually.HoldsAsync(() => end.Write(frame), () => "the queue stays full");
    }

    private async Task<(TlsAssociation Near, TlsAssociation Far)> ConnectedAsync(int nearBytesMax, int farBytesMax)
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var dialling = new Socket(SocketType.Stream, ProtocolType.Tcp);
        var accepting = listener.AcceptSocketAsync();
        await dialling.ConnectAsync(listener.LocalEndpoint);
        var files = _authority.Issue([Host]).WriteTo(_directory.Path, "member", _authority);
        var certificate = MemberCertificate.Load(new TlsFiles(files.Certificate, files.Key, files.Authority), Host);
        using var limit = new CancellationTokenSource(Limit);
        var far = new TlsHandshake(certificate, null).RunAsync(await accepting, limit.Token);
        var near = await new TlsHandshake(certificate, Host).RunAsync(dialling, limit.Token);
        var (one, other) = (new Address("tls", "test", Host, 1), new Address("tls", "test", Host, 2));
        return (new TlsAssociation(one, other, near, nearBytesMax), new TlsAssociation(other, one, await far, farBytesMax));
    }

    private sealed class Listener : IHandleEventListener
    {
        public Listener(AssociationHandle end) => end.ReadHandlerSource.SetResult(this);

        public ConcurrentQueue<ByteString> Frames { get; } = new();

        public bool Ended { get; private set; }

        public void Notify(IHandleEvent ev)
        {
            if (ev is InboundPayload payload) Frames.Enqueue(payload.Payload);
            else Ended = true;
        }
    }
}
