using System.Net;
using System.Net.Sockets;

namespace EntityActors.Host.Security;

/// <summary>Who is at the other end of a request's connection.</summary>
internal static class ClientAddress
{
    private const int NetworkBytes = 8;

    public static string Of(HttpContext context) => context.Connection.RemoteIpAddress?.ToString() ?? "";

    /// <summary>What counts as one client: an address, or of IPv6 the network that one customer gets (/64).</summary>
    public static string ClientOf(HttpContext context)
    {
        var address = context.Connection.RemoteIpAddress;
        if (address is not { AddressFamily: AddressFamily.InterNetworkV6 } || address.IsIPv4MappedToIPv6) return Of(context);
        var bytes = address.GetAddressBytes();
        bytes.AsSpan(NetworkBytes).Clear();
        return new IPAddress(bytes).ToString();
    }
}
