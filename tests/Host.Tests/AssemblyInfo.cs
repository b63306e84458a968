// Each class has a node of its own and some start processes; side by side they would only wait for each other on two cores.
[assembly: Xunit.CollectionBehavior(DisableTestParallelization = true)]
