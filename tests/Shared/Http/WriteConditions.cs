namespace EntityActors.Tests.Shared.Http;

/// <summary>Headers of a write.</summary>
/// <param name="IfMatch">Revision the entity must have.</param>
/// <param name="IfAbsent">Sends <c>If-None-Match: *</c>.</param>
/// <param name="CommandId">Sent as <c>Idempotency-Key</c>.</param>
public sealed record WriteConditions(long? IfMatch = null, bool IfAbsent = false, Guid? CommandId = null)
{
    public static readonly WriteConditions None = new();
}
