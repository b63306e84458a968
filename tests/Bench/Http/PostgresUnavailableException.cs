namespace EntityActors.Bench.Http;

/// <summary>PostgreSQL cannot be measured here; the message says why.</summary>
internal sealed class PostgresUnavailableException(string message) : Exception(message);
