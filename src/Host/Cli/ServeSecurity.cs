using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using EntityActors.Host.Http;
using EntityActors.Host.Security;

namespace EntityActors.Host.Cli;

/// <summary>What <c>ea serve</c> refuses before anything is opened, because it would not be safe.</summary>
internal static class ServeSecurity
{
    /// <returns>Null when nothing is said.</returns>
    /// <exception cref="UsageException">It is neither.</exception>
    public static bool? OnOff(string? text) => text switch
    {
        null => null,
        "on" => true,
        "off" => false,
        _ => throw new UsageException($"--auth is on or off, not '{text}'"),
    };

    /// <returns>Null for an address without TLS.</returns>
    /// <exception cref="UsageException">The files do not fit the address, cannot be read, or do not fit each other.</exception>
    public static HttpCertificate? Certificate(Uri address, string? certificate, string? key)
    {
        if (address.Scheme == Uri.UriSchemeHttp)
        {
            return certificate is null && key is null
                ? null
                : throw new UsageException("--http-certificate and --http-key are for an address that begins with https");
        }

        if (certificate is null || key is null) throw new UsageException("an https address needs --http-certificate and --http-key");
        try
        {
            var chain = new X509Certificate2Collection();
            chain.ImportFromPemFile(certificate);
            if (chain.Count > 0) chain.RemoveAt(0);
            return new HttpCertificate(X509Certificate2.CreateFromPemFile(certificate, key), chain);
        }
        catch (Exception cause) when (cause is CryptographicException or IOException or UnauthorizedAccessException)
        {
            throw new UsageException($"{certificate} and {key} are no certificate with its key: {cause.Message}");
        }
    }

    /// <exception cref="UsageException">It would let strangers in, or let them read along.</exception>
    public static ServeOptions Check(ServeOptions options, SecuritySettings security, HttpLimits limits)
    {
        var isEnabled = options.Authentication ?? security.IsEnabled;
        if (options.AdminPassword is { } password && (password.Length < security.PasswordCharsMin || password.Length > PasswordWork.PasswordCharsMax))
            throw new UsageException($"ENTITYACTORS_ADMIN_PASSWORD is {security.PasswordCharsMin} to {PasswordWork.PasswordCharsMax} characters");
        if (IPAddress.IsLoopback(StoreHosting.Host(options.Address))) return options;
        if (!isEnabled) throw new UsageException($"without authentication HTTP listens on loopback only, not on {options.Address.Host}");
        return options.Certificate is not null || limits.AllowsPlainTextOffLoopback
            ? options
            : throw new UsageException(
                $"HTTP on {options.Address.Host} needs https, or the setting entityactors.http.plain-text-off-loopback for a proxy that speaks it");
    }

    public static void Warn(SecuritySettings security)
    {
        if (!security.IsEnabled) Console.Error.WriteLine("ea: authentication is off: whoever reaches the port may do everything");
    }
}
