using EntityActors.Host.Http;
using Microsoft.AspNetCore.Identity;
using Microsoft.Extensions.Options;

namespace EntityActors.Host.Security;

/// <summary>Hashes and checks passwords, few at once. Thread-safe.</summary>
/// <remarks>Checking without a stored hash does the same work against one that fits no password, so that nobody can tell who has an account.</remarks>
internal sealed class PasswordWork : IDisposable
{
    /// <summary>A longer password is none: what is hashed is bounded.</summary>
    public const int PasswordCharsMax = 256;

    private static readonly TimeSpan RetryAfter = TimeSpan.FromSeconds(1);
    private readonly PasswordHasher<PasswordWork> _hasher;
    private readonly SemaphoreSlim _slots;
    private readonly int _waitingMax;
    private readonly string _nobody;
    private int _waiting;
    private long _checks;

    public PasswordWork(SecuritySettings settings)
    {
        _hasher = new PasswordHasher<PasswordWork>(Options.Create(new PasswordHasherOptions { IterationCount = settings.PasswordIterations }));
        _slots = new SemaphoreSlim(settings.PasswordConcurrency);
        _waitingMax = settings.PasswordConcurrency + settings.PasswordQueue;
        _nobody = _hasher.HashPassword(this, SessionToken.New());
    }

    /// <summary>Passwords that were checked since the start, right, wrong and without a user.</summary>
    public long Checks => Interlocked.Read(ref _checks);

    /// <exception cref="ApiProblem">429: too many are hashed already.</exception>
    public Task<string> HashAsync(string password, CancellationToken cancellation) =>
        TakeTurnAsync(() => _hasher.HashPassword(this, password), cancellation);

    /// <param name="hash">Null when there is no such user: false, for the same price.</param>
    /// <param name="mayStart">Asked when it is this check's turn; throws when it may not be made any more.</param>
    /// <exception cref="ApiProblem">429: too many are hashed already.</exception>
    public Task<bool> VerifyAsync(string? hash, string password, Action mayStart, CancellationToken cancellation) => TakeTurnAsync(() =>
    {
        mayStart();
        Interlocked.Increment(ref _checks);
        var isRight = _hasher.VerifyHashedPassword(this, hash ?? _nobody, password) != PasswordVerificationResult.Failed;
        return isRight && hash is not null;
    }, cancellation);

    public void Dispose() => _slots.Dispose();

    private async Task<T> TakeTurnAsync<T>(Func<T> work, CancellationToken cancellation)
    {
        if (Interlocked.Increment(ref _waiting) > _waitingMax)
        {
            Interlocked.Decrement(ref _waiting);
            throw new ApiProblem(429, "busy", "too many passwords are checked at once", isRetryable: true) { RetryAfter = RetryAfter };
        }

        try
        {
            await _slots.WaitAsync(cancellation);
            try
            {
                return work();
            }
            finally
            {
                _slots.Release();
            }
        }
        finally
        {
            Interlocked.Decrement(ref _waiting);
        }
    }
}
