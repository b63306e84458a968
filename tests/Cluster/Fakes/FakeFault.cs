namespace EntityActors.Cluster.Tests.Fakes;

/// <summary>One broken promise of the fake store.</summary>
public enum FakeFault
{
    None = 0,
    LosesAnAcknowledgedChange = 1,
    AppliesAChangeTwice = 2,
    LosesATagOfAChange = 3,
    ForgetsCommandIds = 4,
    IgnoresIfMatch = 5,
    QueriesMissAnEntity = 6,
    AsOfIsNow = 7,
    LosesTheTailAtAKill = 8,
    AnswersAStaleRead = 9,
    AppliesWhatItRefuses = 10,
}
