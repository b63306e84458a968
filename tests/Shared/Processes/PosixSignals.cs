using System.Runtime.InteropServices;

namespace EntityActors.Tests.Shared.Processes;

public static partial class PosixSignals
{
    public const int Interrupt = 2;
    public const int KillNow = 9;
    public const int Terminate = 15;
    public const int Continue = 18;
    public const int Stop = 19;

    [LibraryImport("libc", EntryPoint = "kill", SetLastError = true)]
    public static partial int Kill(int process, int signal);
}
