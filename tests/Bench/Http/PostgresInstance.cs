using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;
using EntityActors.Tests.Shared;
using EntityActors.Tests.Shared.Networks;
using EntityActors.Tests.Shared.Processes;
using Npgsql;

namespace EntityActors.Bench.Http;

/// <summary>A PostgreSQL of our own: new data directory, reached by a socket file alone, synced commits. Stopped and deleted on dispose.</summary>
/// <remarks>PostgreSQL refuses to run as root; then it runs as the user <c>postgres</c>, or <c>nobody</c> where there is none.</remarks>
internal sealed class PostgresInstance : IAsyncDisposable
{
    private const string User = "bench";
    private static readonly TimeSpan StartTimeout = TimeSpan.FromMinutes(2);
    private static readonly TimeSpan StopTimeout = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan LookPause = TimeSpan.FromMilliseconds(100);

    /// <summary>Where distributions and PostgreSQL's own installation put the programs, besides the search path.</summary>
    private static readonly (string Parent, string Pattern)[] InstallDirectories = [("/usr/lib/postgresql", "*"), ("/usr", "pgsql-*"), ("/usr/local", "pgsql*")];

    private readonly TempDirectory _sockets;
    private readonly Process _process;
    private readonly OutputTail _output = new();

    private PostgresInstance(TempDirectory sockets, ProcessStartInfo info)
    {
        _sockets = sockets;
        _process = Process.Start(info) ?? throw new InvalidOperationException("PostgreSQL did not start");
        _process.OutputDataReceived += (_, line) => _output.Add(line.Data ?? "");
        _process.ErrorDataReceived += (_, line) => _output.Add(line.Data ?? "");
        _process.BeginOutputReadLine();
        _process.BeginErrorReadLine();
    }

    public string ConnectionString => new NpgsqlConnectionStringBuilder { Host = _sockets.Path, Username = User, Database = "postgres" }.ToString();

    /// <summary>CPU seconds of all its processes so far.</summary>
    public double CpuSeconds => Measurement.ProcessReading.CpuSecondsWithChildren(_process.Id);

    /// <param name="parent">Where its data directory is made; on the disk to be measured. Its user must be able to reach it.</param>
    /// <exception cref="PostgresUnavailableException">It is not installed or does not start.</exception>
    public static async Task<PostgresInstance> StartAsync(string parent, int connectionsMax)
    {
        var programs = ProgramDirectory();
        var user = Environment.IsPrivilegedProcess ? UnprivilegedUser() : null;
        var data = Directory.CreateDirectory(Path.Combine(parent, "postgres")).FullName;
        var sockets = new TempDirectory("pg-");
        try
        {
            if (user is not null) await Tool.RunAsync("chown", user, data, sockets.Path);
            string[] initialize = [Path.Combine(programs, "initdb"), "-D", data, "-U", User, "-A", "trust", "-E", "UTF8", "--locale=C"];
            initialize = As(user, initialize);
            await Tool.RunAsync(initialize[0], initialize[1..]);
            string[] settings =
            [
                "listen_addresses=", "fsync=on", "synchronous_commit=on", "full_page_writes=on", "shared_buffers=256MB", "max_wal_size=4GB",
                $"max_connections={connectionsMax}",
            ];
            string[] serve = [Path.Combine(programs, "postgres"), "-D", data, "-k", sockets.Path, .. settings.SelectMany(setting => new[] { "-c", setting })];
            var instance = new PostgresInstance(sockets, Redirected(As(user, serve)));
            await instance.WaitReadyAsync();
            return instance;
        }
        catch (Exception cause) when (cause is InvalidOperationException or Win32Exception)
        {
            sockets.Dispose();
            throw new PostgresUnavailableException(OneLine(cause.Message));
        }
    }

    /// <summary>The one row of a query, as text.</summary>
    public async Task<string> ScalarAsync(string sql)
    {
        await using var connection = new NpgsqlConnection(ConnectionString);
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand(sql, connection);
        return Convert.ToString(await command.ExecuteScalarAsync(), CultureInfo.InvariantCulture) ?? "";
    }

    public async ValueTask DisposeAsync()
    {
        // SIGINT: connections are ended, what was committed stays, its memory and sockets are given back.
        if (!_process.HasExited && PosixSignals.Kill(_process.Id, PosixSignals.Interrupt) == 0)
        {
            using var limit = new CancellationTokenSource(StopTimeout);
            try
            {
                await _process.WaitForExitAsync(limit.Token);
            }
            catch (OperationCanceledException)
            {
                _process.Kill(entireProcessTree: true);
                await _process.WaitForExitAsync(CancellationToken.None);
            }
        }

        _process.Dispose();
        _sockets.Dispose();
    }

    private async Task WaitReadyAsync()
    {
        var started = Stopwatch.GetTimestamp();
        while (true)
        {
            try
            {
                _ = await ScalarAsync("SELECT 1");
                return;
            }
            catch (NpgsqlException) when (!_process.HasExited && Stopwatch.GetElapsedTime(started) < StartTimeout)
            {
                await Task.Delay(LookPause);
            }
            catch (NpgsqlException cause)
            {
                await DisposeAsync();
                throw new PostgresUnavailableException(OneLine($"it does not answer: {cause.Message}; {_output}"));
            }
        }
    }

    /// <summary>Directory with <c>initdb</c> and <c>postgres</c>; the newest version that is installed.</summary>
    private static string ProgramDirectory()
    {
        var installed = InstallDirectories.Where(place => Directory.Exists(place.Parent))
            .SelectMany(place => Directory.EnumerateDirectories(place.Parent, place.Pattern)).OrderByDescending(VersionOf)
            .Select(version => Path.Combine(version, "bin"));
        var searched = new ProcessStartInfo().Environment["PATH"] ?? "";
        return searched.Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries).Concat(installed)
            .FirstOrDefault(directory => File.Exists(Path.Combine(directory, "initdb")) && File.Exists(Path.Combine(directory, "postgres")))
            ?? throw new PostgresUnavailableException("initdb and postgres are neither in PATH nor in /usr/lib/postgresql/*/bin, /usr/pgsql-*/bin, /usr/local/pgsql/bin");
    }

    /// <summary>The first number in the name of an installation's directory; 0 when there is none.</summary>
    private static int VersionOf(string directory)
    {
        var digits = Path.GetFileName(directory).SkipWhile(character => !char.IsAsciiDigit(character)).TakeWhile(char.IsAsciiDigit);
        return int.TryParse(string.Concat(digits), CultureInfo.InvariantCulture, out var version) ? version : 0;
    }

    /// <summary><c>uid:gid</c>.</summary>
    private static string UnprivilegedUser()
    {
        var users = File.ReadLines("/etc/passwd").Select(line => line.Split(':')).Where(fields => fields.Length > 3).ToList();
        var user = users.Find(fields => fields[0] == "postgres") ?? users.Find(fields => fields[0] == "nobody")
            ?? throw new PostgresUnavailableException("it refuses to run as root, and there is neither a user postgres nor nobody");
        return $"{user[2]}:{user[3]}";
    }

    private static string OneLine(string text) => string.Join(' ', text.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries));

    private static string[] As(string? user, string[] command)
    {
        if (user?.Split(':') is not [var uid, var gid]) return command;
        return ["setpriv", $"--reuid={uid}", $"--regid={gid}", "--clear-groups", .. command];
    }

    private static ProcessStartInfo Redirected(string[] command)
    {
        var info = new ProcessStartInfo(command[0], command[1..]) { UseShellExecute = false, RedirectStandardOutput = true, RedirectStandardError = true };
        // Directories of ours that its user may not enter would be the working directory.
        info.WorkingDirectory = "/";
        return info;
    }
}
