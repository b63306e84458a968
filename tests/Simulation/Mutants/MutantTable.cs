namespace EntityActors.Simulation.Tests.Mutants;

/// <summary>The protections of the storage layer and of the HTTP interface, each taken out alone.</summary>
internal static class MutantTable
{
    private const string Writer = "CommitLog/CommitLogWriter.cs";
    private const string Log = "CommitLog/NodeLog.cs";
    private const string Committer = "CommitLog/GroupCommitter.cs";
    private const string Claims = "CommitLog/EpochClaims.cs";
    private const string Clock = "CommitLog/NodeClock.cs";
    private const string Index = "CommitLog/LogIndex.cs";
    private const string Lineage = "CommitLog/LineageReader.cs";
    private const string Headers = "Shards/HeaderStore.cs";
    private const string Node = "Shards/NodeStore.cs";
    private const string Shard = "Shards/ShardStore.cs";

    public static IReadOnlyList<Mutant> All { get; } = [.. Syncs(), .. DirectorySyncs(), .. Ownership(), .. Checks(), .. Retention(), .. Recovery(), .. SecondOwners(), .. Purges(), .. SecurityMutants.All];

    private static IEnumerable<Mutant> Purges() =>
    [
        new("what was purged leaves queries of the past", "Indexes/TagQueryEvaluator.cs",
            "        if (!matching.IsEmpty) matching.AndNot(Purged(oldestFirst, query.Dataset));\n", "", MutantSuite.StorageTests, "PurgeTests"),
        new("what was purged leaves tag counts of the past", "Indexes/TagQueryEvaluator.cs",
            "        active.AndNot(Purged(oldestFirst, dataset));\n        foreach (var tag", "        foreach (var tag", MutantSuite.StorageTests, "PurgeTests"),
        new("a purge that could not be applied is seen by every read", "Shards/LostEntities.cs", " || IsPurged(key)", "",
            MutantSuite.SimulationTests, "DamageTests"),
        new("what was purged leaves feeds", "Shards/ShardView.cs", " || IsErased(change)", "", MutantSuite.StorageTests, "PurgeTests"),
        new("a purge is the answer of every moment", "Shards/ShardView.cs",
            "newest.Lifecycle == Lifecycle.Purged || asOf.Sees(newest)", "asOf.Sees(newest)", MutantSuite.StorageTests, "PurgeTests"),
        new("a merge leaves out what was purged", "Segments/Erasure.cs",
            "if (purge is null && !purged.Contains(last.After.Ordinal)) return false;", "if (purge is null) return false;",
            MutantSuite.StorageTests, "PurgeTests"),
        new("one more header after the last merge", "Shards/ErasureState.cs",
            "FollowUp = left.Count < Pending.Count || merged.Any(HoldsPending)", "FollowUp = false", MutantSuite.StorageTests, "PurgeTests"),
        new("a log ends a file that holds what was purged", Log, "committer.EndFile();", "{ }", MutantSuite.StorageTests, "PurgeTests"),
        new("headers of shards that others own are read for purges", "Shards/PurgedLogs.cs",
            "!store.Log.Owns(shard) && store", "shard.Value < 0 && store", MutantSuite.StorageTests, "PurgeTests"),
        new("a log file that is used again is overwritten", Writer,
            "                using (var file = _files.OpenWrite(temporary)) WriteZeros(file, _options.FileBytes);\n", "",
            MutantSuite.StorageTests, "EndedFilesTests"),
    ];

    private static IEnumerable<Mutant> Syncs() =>
    [
        new("sync of a log group", Writer,
            "            _file.SyncData();\n            _position",
            "            _position", MutantSuite.Crashes),
        new("sync of a segment", "Segments/SegmentFileWriter.cs",
            "        file.SyncData();\n        return (_offset",
            "        return (_offset", MutantSuite.Crashes),
        new("sync of a header", Headers, "            file.SyncData();\n", "", MutantSuite.Crashes),
        new("sync of a claim", Claims,
            "        file.SyncData();\n",
            "        if (path.EndsWith(OpenedSuffix, StringComparison.Ordinal)) file.SyncData();\n", MutantSuite.Crashes),
        new("sync of an opened file", Claims,
            "        file.SyncData();\n",
            "        if (!path.EndsWith(OpenedSuffix, StringComparison.Ordinal)) file.SyncData();\n", MutantSuite.Crashes),
        new("sync of a clock's slot", Clock, "        _file.SyncData();\n", "", MutantSuite.Crashes),
        new("sync of store.json", "Shards/StoreDescriptor.cs", "            file.SyncData();\n", "", MutantSuite.Crashes),
        new("a failed sync of the log ends it: it is tried again", Writer,
            "            _file.SyncData();\n            _position",
            "            try { _file.SyncData(); } catch (StoreIoException) { _file.SyncData(); }\n            _position",
            MutantSuite.Faults),
    ];

    private static IEnumerable<Mutant> DirectorySyncs() =>
    [
        new("directory sync of the next log file", Writer, "                _files.SyncDirectory(Directory);\n                var next", "                var next",
            MutantSuite.Crashes),
        new("directory sync of a clock", Clock, "            _files.SyncDirectory(directory);\n", "", MutantSuite.Crashes),
        new("directory sync of a header", Headers, "        files.SyncDirectory(directory);\n", "", MutantSuite.Crashes),
        new("directory sync of a claim", Claims,
            "                files.SyncDirectory(directory);\n                return claim;",
            "                return claim;", MutantSuite.Crashes),
        new("directory sync of the claims below one", Claims, "            files.SyncDirectory(directory);\n            var free", "            var free", MutantSuite.SimulationTests,
            "CrashTests.A_claim_that_a_killed_claimant_had_not_synced"),
        new("directory sync of an opened file", Claims,
            "        files.SyncDirectory(directory);\n    }",
            "    }", MutantSuite.Crashes),
        new("directory sync of a segment", "Shards/CheckpointWriter.cs",
            "        store.Files.SyncDirectory(store.Layout.Shard(plan.Shard));\n",
            "", MutantSuite.Crashes),
        new("directory sync before another process's headers are counted on", Node,
            "            Files.SyncDirectory(Layout.Shard(shard));\n",
            "", MutantSuite.StorageTests, "LostFileTests"),
        new("directory sync between freed log files", Log,
            "            _files.SyncDirectory(writer.Directory);\n",
            "", MutantSuite.Crashes),
        new("directory sync between files of a dead log", "CommitLog/DeadLogs.cs",
            "            files.SyncDirectory(index.Directory);\n",
            "", MutantSuite.Crashes),
    ];

    private static IEnumerable<Mutant> Ownership() =>
    [
        new("epoch check before the write", Log, " || lineage.Epoch != append.Epoch)", ")", MutantSuite.StorageTests, "TakeOverTests"),
        new("owner check after the sync", Committer,
            "            return _isStillOwner(append.Shard, append.Epoch) ? null : new StaleEpochException(append.Shard, append.Epoch);",
            "            return null;", MutantSuite.StorageTests, "TakeOverTests|GroupCommitTests"),
        new("barrier of a take-over", Log,
            "        committer.Barrier(shard, epoch);\n",
            "", MutantSuite.StorageTests, "TakeOverTests"),
        new("seal of an earlier epoch", Lineage,
            "            if (seal.Epoch == epoch) return seal.Position;",
            "            if (seal.Epoch == epoch) return long.MaxValue;", MutantSuite.StorageTests, "TakeOverTests"),
        new("owner check when a header is committed", Headers,
            "        if (!isStillOwner(header.Shard, header.Epoch)) throw",
            "        if (header.Generation < 0) throw",
            MutantSuite.StorageTests, "CheckpointFaultTests"),
        new("owner check when a checkpoint is trimmed", Node,
            "        if (!Log.IsStillOwner(shard, epoch)) return;\n",
            "", MutantSuite.StorageTests, "CheckpointFaultTests"),
        new("owner check when a log is freed", Log,
            "covered.OlderEpoch.Value == 0 || !IsStillOwner(shard, owner)",
            "covered.OlderEpoch.Value == 0", MutantSuite.StorageTests, "ReclaimTests"),
    ];

    private static IEnumerable<Mutant> Checks() =>
    [
        new("checksum of a block", "Segments/SegmentFile.cs",
            " == count && Crc32C.Compute(bytes) == checksum ? bytes",
            " == count ? bytes", MutantSuite.StorageTests, "SegmentDamageTests"),
        new("checksum of a header", "Shards/ShardHeader.cs",
            "if (actual != checksum) throw",
            "if (actual != checksum && length < 0) throw", MutantSuite.StorageTests, "ShardHeaderTests"),
        new("checksum of a claim", Claims,
            "if (Crc32C.Compute(body) != BitConverter.ToUInt32(bytes.AsSpan(body.Length))) throw",
            "if (body.Length == 0) throw", MutantSuite.StorageTests, "ClaimTests"),
        new("checksum of a clock's slot", Clock,
            "\n        && BinaryPrimitives.ReadUInt32LittleEndian(slot[ChecksumOffset..]) == Crc32C.Compute(slot[..ChecksumOffset]);",
            ";", MutantSuite.StorageTests, "ClockTests"),
        new("checksum of a record", "CommitLog/LogReader.cs",
            "record.IsEmpty || RecordHeader.ComputeChecksum(record) != found.Checksum",
            "record.IsEmpty", MutantSuite.Crashes),
        new("chain of records", Index,
            "\n        && (_previousChecksum is not { } previous || header.PreviousChecksum == previous);",
            ";", MutantSuite.StorageTests, "LogScanTests"),
        new("check of what a checkpoint wrote", "Shards/CheckpointValidator.cs",
            "ValidateHeader(plan, result.Header, result.Erased);\n            // A newer owner removes a segment that no header refers to.\n            if (result.Segment is { } info) _ =",
            "if (plan.Shard.Value < 0 && result.Segment is { } info) _ =", MutantSuite.StorageTests, "CheckpointFaultTests"),
        new("reading back of a header before it has its name", Headers,
            "            ReadBack(header, temporary, bytes);\n",
            "", MutantSuite.StorageTests, "CheckpointFaultTests|ShardHeaderTests|LostFileTests"),
        new("damage in front of a record that proves it", Index,
            "return new DamagedRange(end, first.Value);",
            "return null;", MutantSuite.StorageTests, "LogScanTests"),
    ];

    private static IEnumerable<Mutant> Retention() =>
    [
        new("the header before the newest one", Headers,
            "var oldestKept = valid[RetainedCount - 1];",
            "var oldestKept = valid[0];", MutantSuite.Crashes),
        new("two headers cover what the log frees", Node,
            "var older = retained[HeaderStore.RetainedCount - 1];",
            "var older = retained[0];", MutantSuite.StorageTests, "LostFileTests|ShardStoreModelTests"),
        new("two headers keep their segments", Node,
            "var needed = retained.SelectMany(",
            "var needed = retained.Take(1).SelectMany(", MutantSuite.StorageTests, "LostFileTests|ShardStoreModelTests"),
        new("a log that still serves a shard stays", "CommitLog/DeadLogs.cs",
            " || ServesAShard(log)) return false;",
            ") return false;", MutantSuite.StorageTests, "ReclaimTests"),
        new("a log's file goes only when its clock says that it may", Log,
            "if (!Clock.TryFree(writer.Log, end)) return;",
            "", MutantSuite.StorageTests, "FreedFilesTests"),
        new("both slots of a clock say what may be missing", Clock,
            "            WriteSlot(0);\n            WriteSlot(0);\n",
            "            WriteSlot(0);\n", MutantSuite.StorageTests, "FreedFilesTests"),
        new("the clock of an ended process says that its log is being deleted", "CommitLog/DeadLogs.cs",
            "        NodeClock.FreeAll(files, index.Directory);\n",
            "", MutantSuite.StorageTests, "FreedFilesTests"),
    ];

    private static IEnumerable<Mutant> Recovery() =>
    [
        new("appending again what was not surely durable", Log,
            "        if (unsealed is null) return;",
            "        if (unsealed is null || !unsealed.Index.IsOwn) return;", MutantSuite.Crashes),
        new("the clock starts above its predecessors' reservations", Clock,
            "                if (reserved > floor) floor = reserved;\n",
            "", MutantSuite.Crashes),
        new("a time is given out only below the reservation", Clock,
            "        return now < Reserved;",
            "        return true;", MutantSuite.StorageTests, "ClockTests"),
        new("command ids of replayed events are known", Shard,
            "            recent!.Add(AppliedCommand.Of(change));\n",
            "", MutantSuite.Crashes),
        new("command ids of segments are known", Shard,
            "            for (var i = recent.Count - 1; i >= 0; i--) commands.Add(recent[i]);\n",
            "", MutantSuite.Crashes),
        new("what is served before is said to be open", Log,
            "        _claims.WriteOpened(shard, writer.Log, new OpenedEpoch(epoch, lineage.LastSequence, before.Seals));\n",
            "", MutantSuite.Crashes),
    ];

    /// <summary>What stands between owners of one shard that do not know of each other.</summary>
    private static IEnumerable<Mutant> SecondOwners() =>
    [
        new("the owner check comes after the write, not before it", Committer,
            "        var stale = Superseded(group);\n",
            "        var stale = Superseded(group);\n        for (var i = 0; i < group.Count; i++) if (OwnershipFailure(group[i].Append) is not null) stale.Add(i);\n",
            MutantSuite.Owners, "w1|o,w2")
        {
            Also = ("                failure = OwnershipFailure(append);\n", ""),
        },
        new("one's own claim is looked up by its path, too", Claims,
            " && files.FileExists(Path.Combine(directory, epoch.ToString()));",
            ";", MutantSuite.Owners, "w1|o,o,c,t,w3,c,t"),
        new("the next claim is looked up before one's own", Claims,
            "return !files.FileExists(Path.Combine(directory, epoch.Next.ToString())) && files.FileExists(Path.Combine(directory, epoch.ToString()));",
            "return files.FileExists(Path.Combine(directory, epoch.ToString())) && !files.FileExists(Path.Combine(directory, epoch.Next.ToString()));",
            MutantSuite.Owners, "w1|o,o,c,t,w3,c,t"),
        new("claims are deleted in ascending order", Claims,
            "        foreach (var old in claimed)\n        {\n            if (old >= epoch) break;",
            "        foreach (var old in claimed.Reverse())\n        {\n            if (old >= epoch) continue;",
            MutantSuite.Owners, "w1|o,o,c,t,w3,c,t"),
        new("a claim is linked, not renamed", Claims,
            "            return files.TryLink(temporary, path);",
            "            files.Rename(temporary, path);\n            return true;", MutantSuite.Owners, "w1|o,w2|o,w3"),
        new("a claimant looks again when its file is there", Claims,
            "var free = NextFree(shard);",
            "var free = epoch;", MutantSuite.StorageTests, "ClaimTests"),
        new("temporary files of claimants go before claims", Claims,
            "var isLeft = name.EndsWith(TemporarySuffix, StringComparison.Ordinal)\n                || (",
            "var isLeft = (", MutantSuite.StorageTests, "ClaimTests"),
        new("headers are listed after the claim", Log,
            "        var claim = _claims.Claim(",
            "        var early = readHeaders();\n        readHeaders = () => early;\n        var claim = _claims.Claim(", MutantSuite.Owners, "w1,c,t,c,t|o,w3,c,t"),
        new("reservations of clocks are read again after the claim", Log,
            "        var floor = NodeClock.ReadFloor(_files, _data, Node, _writer.Log);\n",
            "        var floor = default(Timestamp);\n", MutantSuite.Owners, "k,k,k,f|o,w3"),
        new("the seal stands at the watermark", Lineage,
            "        return Math.Max(watermark, claim.StartPosition);",
            "        return watermark < 0 ? 0 : long.MaxValue;", MutantSuite.Owners, "w1|o,w2"),
        new("a header of an earlier epoch with a later one's generation is passed over", Headers,
            "generation >= generationBefore || ",
            "", MutantSuite.StorageTests, "ShardHeaderTests"),
        new("a header that the newer one does not follow is passed over", Headers,
            " || (follows != default && new HeaderName(epoch, generation).CompareTo(follows) > 0)",
            "", MutantSuite.StorageTests, "ShardHeaderTests"),
        new("who is replaced is told so, and of no damage", Claims,
            "StoreIoException { IsMissing: true } && !IsStillOwner(shard, epoch)",
            "StoreIoException { IsMissing: true } && epoch.Value < 0", MutantSuite.Owners, "o|o,w3,c,t,w4,c,t"),
    ];
}
