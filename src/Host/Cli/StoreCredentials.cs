using System.CommandLine;
using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using EntityActors.Host.Security;
using Spectre.Console;

namespace EntityActors.Host.Cli;

/// <summary>How a command proves to a running store whom it acts for.</summary>
/// <param name="Token">Of a session that somebody else began; null when the command begins one of its own, once it is asked for one.</param>
/// <param name="User">Who logs in; null for the administrator of a store on this machine whose password file can be read.</param>
/// <param name="Authority">Root certificate that an https store comes from; null for those of the machine.</param>
internal sealed record StoreCredentials(string? Token, string? User, string? Password, string DataDirectory, string? Authority)
{
    public static Option<string?> TokenOption { get; } = new("--token")
    {
        Description = "Token of a session, from 'ea login' (ENTITYACTORS_TOKEN)", HelpName = "text", Recursive = true,
    };

    public static Option<string?> UserOption { get; } = new("--user")
    {
        Description = "User to log in as, with the password in ENTITYACTORS_PASSWORD (ENTITYACTORS_USER)", HelpName = "name", Recursive = true,
    };

    public static Option<string?> AuthorityOption { get; } = new("--server-authority")
    {
        Description = "PEM file with the root certificate that an https store must come from (ENTITYACTORS_SERVER_AUTHORITY)", HelpName = "file",
        Recursive = true,
    };

    /// <summary>Not for commands that have a <c>--data</c> of another meaning.</summary>
    public static Option<string?> DataOption { get; } = new("--data")
    {
        Description = "Data directory whose admin.password is used when no token and no user is given (ENTITYACTORS_DATA, default ./data)", HelpName = "dir",
    };

    // Records print their members.
    public override string ToString() => User ?? "";

    public static StoreCredentials From(ParseResult result)
    {
        var environment = new ConfigurationBuilder().AddEnvironmentVariables("ENTITYACTORS_").Build();
        return new StoreCredentials(result.GetValue(TokenOption) ?? environment["TOKEN"], result.GetValue(UserOption) ?? environment["USER"],
            environment["PASSWORD"], result.GetValue(DataOption) ?? environment["DATA"] ?? "./data",
            result.GetValue(AuthorityOption) ?? environment["SERVER_AUTHORITY"]);
    }

    /// <summary>Name and password to log in with, or null when there are none.</summary>
    /// <exception cref="UsageException">There is a user and no password.</exception>
    public (string User, string Password)? Login(Uri server)
    {
        if (User is not null) return (User, Password ?? AskFor($"password of {User}") ?? throw new UsageException("--user needs ENTITYACTORS_PASSWORD"));
        // The password of this machine's store goes to no other machine.
        if (!server.IsLoopback) return null;
        try
        {
            return (FirstAdministrator.Name, File.ReadAllText(FirstAdministrator.FileOf(DataDirectory)).Trim());
        }
        catch (Exception cause) when (cause is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    /// <summary>Asks at the terminal, without an echo. Null without a terminal.</summary>
    public static string? AskFor(string what)
    {
        if (Console.IsInputRedirected || Console.IsErrorRedirected) return null;
        var console = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(Console.Error) });
        return console.Prompt(new TextPrompt<string>($"{what}:").Secret(null));
    }

    /// <exception cref="UsageException">The file holds no certificate.</exception>
    public SslClientAuthenticationOptions TlsOptions()
    {
        var options = new SslClientAuthenticationOptions();
        if (Authority is null) return options;
        var policy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
        try
        {
            policy.CustomTrustStore.ImportFromPemFile(Authority);
        }
        catch (Exception cause) when (cause is CryptographicException or IOException or UnauthorizedAccessException)
        {
            throw new UsageException($"{Authority} is no certificate: {cause.Message}");
        }

        options.CertificateChainPolicy = policy;
        return options;
    }
}
