namespace EntityActors.Simulation.Tests.Owners;

/// <summary>The process that makes this call has been killed: it unwinds without another effect on the disk.</summary>
internal sealed class OwnerKilledException() : Exception("the process was killed");
