using System.Globalization;
using System.Net.Sockets;
using System.Text;

namespace EntityActors.Host.Tests.Http;

/// <summary>One request, byte for byte as a test writes it, on a connection of its own. A client library would refuse or repair most of them.</summary>
public static class RawHttp
{
    /// <summary>Longest an answer may take: a request that hangs fails the test.</summary>
    private static readonly TimeSpan AnswerWithin = TimeSpan.FromSeconds(10);

    /// <param name="target">As it goes into the request line.</param>
    /// <param name="headers">Lines without their ends; Host and Content-Length are added.</param>
    public static Task<HttpAnswer> SendAsync(Uri server, string method, string target, byte[]? body = null, params string[] headers)
    {
        var head = new StringBuilder($"{method} {target} HTTP/1.1\r\nHost: {server.Authority}\r\nConnection: close\r\n");
        foreach (var header in headers) head.Append(header).Append("\r\n");
        if (body is not null && !headers.Any(header => header.StartsWith("Transfer-Encoding", StringComparison.Ordinal)))
            head.Append(CultureInfo.InvariantCulture, $"Content-Length: {body.Length}\r\n");
        return SendAsync(server, [.. Encoding.UTF8.GetBytes(head.Append("\r\n").ToString()), .. body ?? []]);
    }

    public static async Task<HttpAnswer> SendAsync(Uri server, byte[] request)
    {
        using var limit = new CancellationTokenSource(AnswerWithin);
        using var client = new TcpClient();
        await client.ConnectAsync(server.Host, server.Port, limit.Token);
        var stream = client.GetStream();
        using var answer = new MemoryStream();
        try
        {
            await stream.WriteAsync(request, limit.Token);
        }
        catch (IOException)
        {
            // The server may refuse before it has read everything; what it said is still to be read.
        }

        try
        {
            await stream.CopyToAsync(answer, limit.Token);
        }
        catch (IOException) when (answer.Length > 0)
        {
            // A reset behind the answer.
        }

        return Parse(answer.ToArray());
    }

    private static HttpAnswer Parse(byte[] bytes)
    {
        var end = bytes.AsSpan().IndexOf("\r\n\r\n"u8);
        if (end < 0) throw new InvalidDataException($"no answer: '{Encoding.Latin1.GetString(bytes)}'");
        var lines = Encoding.Latin1.GetString(bytes, 0, end).Split("\r\n");
        var headers = lines.Skip(1).ToDictionary(line => line[..line.IndexOf(':')], line => line[(line.IndexOf(':') + 1)..].Trim(), StringComparer.OrdinalIgnoreCase);
        var body = bytes[(end + 4)..];
        if (headers.GetValueOrDefault("Transfer-Encoding") == "chunked") body = Unchunk(body);
        return new HttpAnswer(int.Parse(lines[0].Split(' ')[1], CultureInfo.InvariantCulture),
            headers.GetValueOrDefault("Content-Type")?.Split(';')[0], body, headers);
    }

    private static byte[] Unchunk(byte[] chunks)
    {
        using var body = new MemoryStream();
        for (var at = 0; ;)
        {
            var line = chunks.AsSpan(at).IndexOf("\r\n"u8);
            var length = int.Parse(Encoding.Latin1.GetString(chunks, at, line), NumberStyles.HexNumber, CultureInfo.InvariantCulture);
            if (length == 0) return body.ToArray();
            body.Write(chunks, at + line + 2, length);
            at += line + 2 + length + 2;
        }
    }
}
