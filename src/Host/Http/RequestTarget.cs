using System.Text;
using EntityActors.Storage.Model;
using Microsoft.AspNetCore.Http.Features;

namespace EntityActors.Host.Http;

/// <summary>The path as the client sent it, cut at its slashes before anything is decoded.</summary>
/// <remarks>
/// Routing sees a decoded path without dot segments, in which <c>%2F</c> of an id and a slash cannot be told apart any more. So
/// names are read from here, and a path that routing would change is refused, since both would count on from different places.
/// </remarks>
internal static class RequestTarget
{
    public const int CharsMax = 16 * 1024;

    /// <summary>Segments behind the first slash, still percent-encoded; a plain path has no empty and no dot segment.</summary>
    /// <exception cref="ApiProblem">It is not plain, or an escape is malformed.</exception>
    public static string[] Segments(HttpContext context)
    {
        var path = PathOf(context.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget);
        if (path == "/") return [];
        if (path.Length == 0 || path[0] != '/') throw ApiProblem.Invalid("the path does not begin with '/'");
        var segments = path[1..].Split('/');
        foreach (var segment in segments)
        {
            if (segment.Length == 0 || Decode(segment) is "." or "..") throw ApiProblem.Invalid("a path holds no empty segment, '.' or '..'");
        }

        return segments;
    }

    /// <summary>Percent-decodes one path segment or query part; malformed escapes and bytes that are no UTF-8 are problems.</summary>
    public static string Decode(string part)
    {
        if (!part.Contains('%', StringComparison.Ordinal)) return part;
        var bytes = new byte[part.Length];
        var count = 0;
        for (var i = 0; i < part.Length; i++)
        {
            // The server lets only ASCII through in a target.
            if (part[i] != '%') bytes[count++] = (byte)part[i];
            else if (i + 2 < part.Length && char.IsAsciiHexDigit(part[i + 1]) && char.IsAsciiHexDigit(part[i + 2]))
                bytes[count++] = Convert.ToByte(part.Substring((i += 2) - 1, 2), 16);
            else throw ApiProblem.Invalid($"'{part}' has a malformed percent escape");
        }

        try
        {
            return StrictText.Utf8.GetString(bytes, 0, count);
        }
        catch (DecoderFallbackException)
        {
            throw ApiProblem.Invalid($"'{part}' is not valid UTF-8");
        }
    }

    /// <summary>Why no path could name this id, or null when one can.</summary>
    public static string? IdProblem(string id)
    {
        if (id is "." or "..") return "an id is not '.' or '..', which a path cannot hold";
        return id.Contains('\0', StringComparison.Ordinal) ? "an id holds no NUL, which a path cannot hold" : null;
    }

    /// <summary>A proxy's form of a target names scheme and host too.</summary>
    private static string PathOf(string target)
    {
        var query = target.IndexOf('?', StringComparison.Ordinal);
        var path = query < 0 ? target : target[..query];
        var scheme = path.StartsWith('/') ? -1 : path.IndexOf("://", StringComparison.Ordinal);
        if (scheme < 0) return path;
        var slash = path.IndexOf('/', scheme + 3);
        return slash < 0 ? "/" : path[slash..];
    }
}
