namespace EntityActors.Tests.Shared.Http;

/// <summary>One entry of <c>/v1/cluster</c>.</summary>
public sealed record MemberShape(string Address, string? Node, int Uid, string Status, bool Reachable);
