using System.Net;
using EntityActors.Host.Http.OpenApi;

namespace EntityActors.Host.Http;

/// <summary>What every request must satisfy before its route looks at it.</summary>
/// <remarks>
/// The server's own limits lie above these, because it answers what exceeds them with an empty body. Host and origin are checked as
/// long as no request needs a token: otherwise any page in a browser of this machine could write to the store.
/// </remarks>
internal static class RequestGate
{
    public const int HeaderCharsMax = 32 * 1024;

    /// <param name="needsToken">Whether authentication is on.</param>
    /// <exception cref="ApiProblem">It does not.</exception>
    public static void Check(HttpContext context, bool needsToken)
    {
        var request = context.Request;
        if (HeaderChars(request) > HeaderCharsMax) throw new ApiProblem(431, "headers_too_large", $"headers are at most {HeaderCharsMax} characters");
        if (request.Path.Value?.Length + request.QueryString.Value?.Length > RequestTarget.CharsMax)
            throw new ApiProblem(414, "uri_too_long", $"path and query are at most {RequestTarget.CharsMax} characters");
        if (!needsToken) CheckIsOwn(request);
        if (request.Headers.ContentEncoding is not [] and not ["identity"])
            throw new ApiProblem(415, "unsupported_media_type", "a body is sent as it is, without Content-Encoding");
        // The page of the API has its files below itself.
        if (request.Path != ApiDocument.PagePath) _ = RequestTarget.Segments(context);
    }

    private static void CheckIsOwn(HttpRequest request)
    {
        if (!IsLocal(request.Host)) throw new ApiProblem(403, "foreign_host", $"this store is not '{request.Host}': it listens on loopback only");
        foreach (var origin in request.Headers.Origin)
        {
            if (!IsOwn(origin, request)) throw new ApiProblem(403, "foreign_origin", $"pages of '{origin}' may not use this store");
        }
    }

    private static long HeaderChars(HttpRequest request)
    {
        var count = 0L;
        foreach (var (name, values) in request.Headers)
        {
            foreach (var value in values) count += name.Length + (value?.Length ?? 0) + ": \r\n".Length;
        }

        return count;
    }

    /// <summary>A name that somebody else's server resolves to this machine is not ours.</summary>
    private static bool IsLocal(HostString host) =>
        !host.HasValue || host.Host.Equals("localhost", StringComparison.OrdinalIgnoreCase)
        || (IPAddress.TryParse(host.Host.Trim('[', ']'), out var address) && IPAddress.IsLoopback(address));

    private static bool IsOwn(string? origin, HttpRequest request) => origin == $"{request.Scheme}://{request.Host}";
}
