using EntityActors.Chaos.Faults;
using EntityActors.Chaos.Nodes;
using EntityActors.Cluster.Tests.Fakes;
using Xunit;

namespace EntityActors.Cluster.Tests.Chaos;

/// <summary>When a node may end because the others went on without it: no excuse for one that nothing happened to.</summary>
public sealed class FaultSiteTests
{
    private readonly FaultSite _site;
    private readonly IChaosNode _node;

    public FaultSiteTests()
    {
        var fleet = new FakeFleet(FakeFault.None, "chaos");
        (_site, _node) = (new FaultSite(fleet, new Random(1)), fleet);
    }

    [Theory]
    [InlineData(FaultKind.Pause, true)]
    [InlineData(FaultKind.Cut, true)]
    [InlineData(FaultKind.Terminate, false)]
    [InlineData(FaultKind.DiskFull, false)]
    public void A_node_that_fell_silent_may_be_removed(FaultKind kind, bool mayBe)
    {
        Assert.False(_site.MayBeRemoved(_node));
        _site.Begin(kind, _node.Name);
        Assert.Equal(mayBe, _site.MayBeRemoved(_node));
    }

    [Fact]
    public void A_node_may_be_removed_when_it_was_left_alone()
    {
        _site.Begin(FaultKind.Kill, "second");
        _site.Begin(FaultKind.Pause, "second");
        Assert.False(_site.MayBeRemoved(_node));
        _site.Begin(FaultKind.Kill, "third");
        Assert.True(_site.MayBeRemoved(_node));
    }
}
