using System.Security.Cryptography;
using EntityActors.Actors.Hosting;
using EntityActors.Host.Http;
using EntityActors.Storage.Io;
using EntityActors.Storage.Model;

namespace EntityActors.Host.Security;

/// <summary>Makes the user <c>admin</c> when a store is started for the first time.</summary>
/// <remarks>
/// Nodes that start together agree: the password is in its file, which is linked into place whole and never replaced, before the user is made; the user
/// is made on the condition that there is none. A node killed in between leaves a file that the next start takes. A user that was deleted is
/// not made again.
/// </remarks>
internal sealed class FirstAdministrator(
    AccountStore accounts, PasswordWork passwords, NodeStoreService node, ServeOptions options, TimeProvider time, ILogger<FirstAdministrator> log)
    : BackgroundService
{
    public const string Name = "admin";
    private const string FileName = "admin.password";
    private const int PasswordChars = 24;
    private const string Alphabet = "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnpqrstuvwxyz23456789";
    private static readonly TimeSpan RetryDelay = TimeSpan.FromSeconds(1);

    public static string FileOf(string dataDirectory) => Path.Combine(Path.GetFullPath(dataDirectory), FileName);

    /// <summary>Before the HTTP interface listens, so that whoever may log in can. Shards that are away delay nothing: it goes on behind.</summary>
    public override async Task StartAsync(CancellationToken cancellationToken)
    {
        if (!await TryAsync(cancellationToken)) await base.StartAsync(cancellationToken);
    }

    /// <summary>Takes the file away once it holds a password that is none any more.</summary>
    public void Forget()
    {
        try
        {
            PosixFileSystem.Instance.Delete(FileOf(node.Store.Options.DataDirectory));
        }
        catch (StoreIoException failure)
        {
            log.LogWarning("{File} holds a password that is not valid any more and cannot be deleted: {Reason}", FileName, failure.Message);
        }
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        try
        {
            do await Task.Delay(RetryDelay, time, stoppingToken);
            while (!await TryAsync(stoppingToken));
        }
        catch (OperationCanceledException)
        {
            // The host stops; the next start tries again.
        }
    }

    private async Task<bool> TryAsync(CancellationToken cancellation)
    {
        try
        {
            if (await accounts.UserAsync(Name, cancellation) is not null) return true;
            var file = FileOf(node.Store.Options.DataDirectory);
            var password = options.AdminPassword ?? Kept(file);
            var user = new UserAccount(Name, "", [BuiltInRoles.Administrator], await passwords.HashAsync(password, cancellation), IsDisabled: false,
                AccountGeneration.New(), time.GetUtcNow());
            var isMade = await accounts.PutUserAsync(user, RevisionCondition.MustNotExist, "", cancellation);
            if (isMade && options.AdminPassword is null)
                await Console.Error.WriteLineAsync($"ea: made the user {Name} with the password {password}, which is kept in {file}");
            return true;
        }
        catch (StoreException failure)
        {
            log.LogWarning("the user {Name} cannot be looked for yet: {Reason}", Name, failure.Message);
            return false;
        }
    }

    /// <summary>The password in the file, made by whichever process comes first.</summary>
    private static string Kept(string file)
    {
        if (OperatingSystem.IsWindows()) throw new PlatformNotSupportedException("a store needs Linux");
        var disk = PosixFileSystem.Instance;
        if (!disk.FileExists(file))
        {
            var draft = $"{file}.{Guid.NewGuid():N}";
            var settings = new FileStreamOptions
            {
                Mode = FileMode.CreateNew, Access = FileAccess.Write, UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
            };
            using (var writer = new StreamWriter(draft, settings)) writer.Write(RandomNumberGenerator.GetString(Alphabet, PasswordChars) + "\n");
            using (var written = disk.OpenWrite(draft)) written.SyncData();
            disk.TryLink(draft, file);
            disk.Delete(draft);
            disk.SyncDirectory(Path.GetDirectoryName(file)!);
        }

        return File.ReadAllText(file).Trim();
    }
}

/// <summary>Numbers that tell the sessions before a change of an account from those after it.</summary>
internal static class AccountGeneration
{
    /// <summary>Random, so that a user made anew under an old name does not take over its sessions. JSON keeps numbers of 53 bits.</summary>
    public static long New() => RandomNumberGenerator.GetInt32(int.MaxValue) + 1L;
}
