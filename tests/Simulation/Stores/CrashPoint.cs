using System.Collections.Immutable;
using EntityActors.Simulation.Tests.Disk;
using EntityActors.Simulation.Tests.Model;

namespace EntityActors.Simulation.Tests.Stores;

/// <summary>A moment at which a process may end: before one of its calls that change the disk, or after the last.</summary>
/// <param name="Call">The call that the crash prevents; null at the end.</param>
internal sealed record CrashPoint(DiskCall? Call, DiskState Disk, ImmutableArray<ModelPromise> Promises, DateTimeOffset Wall);
