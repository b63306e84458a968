namespace EntityActors.Chaos.Clients;

/// <summary>One way to the store.</summary>
/// <param name="Name">Of the node, for the record.</param>
/// <param name="Connect">Null while there is no way.</param>
internal sealed record ClientRoute(string Name, Func<IStoreConnection?> Connect);
