// Real processes share the two cores of a small machine; run side by side they would only time out.
[assembly: Xunit.CollectionBehavior(DisableTestParallelization = true)]
