using System.Collections.Concurrent;

namespace EntityActors.Host.Security;

/// <summary>Reads whom a session stands for.</summary>
internal interface ISessionReader
{
    /// <returns>Null: there is no such session, or it is over.</returns>
    Task<Principal?> ReadAsync(string sessionId, CancellationToken cancellation);
}

/// <param name="Principal">Null: there is no such session, or it is over.</param>
/// <param name="AskedAt">Timestamp of the moment for which this holds: nothing later is known.</param>
internal readonly record struct SessionAnswer(Principal? Principal, long AskedAt);

/// <summary>Sessions as their shards told a moment ago. Thread-safe.</summary>
/// <remarks>
/// An answer is believed for a time counted from the moment at which it was <em>asked for</em>. A revocation that was answered before a request
/// came in is seen by every question asked afterwards, so no request is let through by an older answer once that time is over, however long the
/// question took. Failures are believed as long: a shard that is away is asked as seldom as one that answers.
/// </remarks>
internal sealed class SessionCache(ISessionReader reader, SecuritySettings settings, TimeProvider time)
{
    private readonly ConcurrentDictionary<string, Question> _questions = new(StringComparer.Ordinal);
    private long _sweptAt;

    /// <exception cref="Storage.Model.StoreException">It cannot be told.</exception>
    /// <exception cref="TimeoutException">It was not told in time.</exception>
    public async Task<SessionAnswer> FindAsync(string sessionId, CancellationToken cancellation)
    {
        var question = Ask(sessionId);
        var principal = await question.Answer.WaitAsync(settings.SessionReadTimeout, time, cancellation);
        return new SessionAnswer(principal is null || principal.ExpiresAt <= time.GetUtcNow() ? null : principal, question.AskedAt);
    }

    /// <summary>Forgets an answer, so that this node notices at once what it changed itself.</summary>
    public void Forget(string sessionId) => _questions.TryRemove(sessionId, out _);

    /// <summary>Forgets all answers, for changes of users and roles.</summary>
    public void ForgetAll() => _questions.Clear();

    private Question Ask(string sessionId)
    {
        if (_questions.TryGetValue(sessionId, out var known) && IsFresh(known)) return known;
        MakeRoom();
        var question = new Question(time.GetTimestamp());
        if (_questions.Count < settings.SessionCacheSize || known is not null)
        {
            var current = _questions.AddOrUpdate(sessionId, static (_, asked) => asked.Question,
                static (_, other, asked) => asked.Cache.IsFresh(other) ? other : asked.Question, (Question: question, Cache: this));
            if (current != question) return current;
        }

        _ = question.AskAsync(reader, sessionId);
        return question;
    }

    private bool IsFresh(Question question) => time.GetElapsedTime(question.AskedAt) < settings.SessionCache;

    private void MakeRoom()
    {
        if (_questions.Count < settings.SessionCacheSize) return;
        var sweptAt = Interlocked.Read(ref _sweptAt);
        // One of all that find it full, and once in the time that an answer lives.
        if (time.GetElapsedTime(sweptAt) < settings.SessionCache && sweptAt != 0) return;
        if (Interlocked.CompareExchange(ref _sweptAt, time.GetTimestamp(), sweptAt) != sweptAt) return;
        foreach (var (id, question) in _questions)
        {
            if (!IsFresh(question)) _questions.TryRemove(KeyValuePair.Create(id, question));
        }
    }

    /// <param name="askedAt">Taken before the question is sent.</param>
    private sealed class Question(long askedAt)
    {
        private readonly TaskCompletionSource<Principal?> _answer = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public long AskedAt { get; } = askedAt;

        public Task<Principal?> Answer => _answer.Task;

        public async Task AskAsync(ISessionReader reader, string sessionId)
        {
            try
            {
                // Asked for all who wait for it: none of them may call it off.
                _answer.TrySetResult(await reader.ReadAsync(sessionId, CancellationToken.None));
            }
            catch (Exception failure)
            {
                _answer.TrySetException(failure);
                // Whoever waited may be gone.
                _ = _answer.Task.Exception;
            }
        }
    }
}
