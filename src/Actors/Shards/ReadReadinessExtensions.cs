using EntityActors.Storage.Model;
using EntityActors.Storage.Shards;

namespace EntityActors.Actors.Shards;

internal static class ReadReadinessExtensions
{
    /// <summary>Whether a read may begin, together with what it may see.</summary>
    public static (ReadReadiness Readiness, AsOf AsOf) With(this ReadReadiness readiness, AsOf asOf) => (readiness, asOf);
}
