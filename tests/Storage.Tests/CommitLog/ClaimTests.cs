using EntityActors.Storage.CommitLog;
using EntityActors.Storage.Io;
using EntityActors.Storage.Model;
using EntityActors.Tests.Shared;
using EntityActors.Tests.Shared.Faults;
using Xunit;

namespace EntityActors.Storage.Tests.CommitLog;

/// <summary>Rules 1, 2 and 5: claims are a compare-and-swap and a lineage; losing one of their files is noticed, never an empty shard.</summary>
public sealed class ClaimTests
{
    private static readonly ShardId Shard = new(3);
    private static readonly LogId Log = new(7);

    [Fact]
    public async Task Of_many_claimants_each_epoch_goes_to_exactly_one()
    {
        using var directory = new TempDirectory();
        // Two claimants each share a log, as two incarnations in one process do.
        var processes = Enumerable.Range(0, 4).Select(i => new EpochClaims(PosixFileSystem.Instance, directory.Path, i)).ToArray();
        var claimed = await Task.WhenAll(Enumerable.Range(0, 8).Select(claimant => Task.Run(() =>
        {
            var log = new LogId((ulong)(claimant / 2) + 1);
            return Enumerable.Range(0, 20).Select(_ => processes[claimant / 2].Claim(Shard, "node", log, claimant)).ToArray();
        })));
        var all = claimed.SelectMany(epochs => epochs).OrderBy(claim => claim.Epoch).ToArray();
        Assert.Equal(Enumerable.Range(1, 160), all.Select(claim => (int)claim.Epoch.Value));
        var reader = new EpochClaims(PosixFileSystem.Instance, directory.Path);
        Assert.All(all, claim => Assert.Equal(claim, reader.Read(Shard, claim.Epoch)));
        Assert.Equal(160, Directory.GetFiles(LogLayout.EpochDirectory(directory.Path, Shard)).Length);
    }

    [Fact]
    public void Two_take_overs_of_one_process_never_link_each_others_half_written_claim()
    {
        using var directory = new TempDirectory();
        var files = new HookedFileSystem(PosixFileSystem.Instance);
        var claims = new EpochClaims(files, directory.Path);
        files.Before = (call, _) =>
        {
            if (call != FileCall.Link) return;
            files.Before = null;
            // Between the sync of the one and its link, the other begins, and has written nothing yet when the link is made.
            files.Before = (other, _) =>
            {
                if (other == FileCall.Write) throw HookedFileSystem.Failure("");
            };
            Assert.Throws<StoreIoException>(() => claims.Claim(Shard, "node", Log, 5));
            files.Before = null;
        };
        var claim = claims.Claim(Shard, "node", Log, 0);
        Assert.Equal(claim, claims.Read(Shard, claim.Epoch));
    }

    /// <remarks>
    /// Found by interleaving three owners: a claimant that had looked which number is free long ago took one whose claim was deleted
    /// meanwhile. Who held that claim then found its own number there and the next one absent, and acknowledged.
    /// </remarks>
    [Fact]
    public void A_slow_claimant_never_takes_a_number_whose_claim_was_deleted()
    {
        for (var call = 1; ; call++)
        {
            using var directory = new TempDirectory();
            var others = new EpochClaims(PosixFileSystem.Instance, directory.Path, 1);
            others.Claim(Shard, "node", Log, 0);
            var files = new HookedFileSystem(PosixFileSystem.Instance);
            var (calls, zombie) = (0, default(Epoch));
            files.Before = (_, _) =>
            {
                if (++calls != call) return;
                zombie = others.Claim(Shard, "node", Log, 0).Epoch;
                for (var i = 0; i < 2; i++) others.Claim(Shard, "node", Log, 0);
                others.DeleteBelow(Shard, new Epoch(zombie.Value + 2));
            };
            var claimed = new EpochClaims(files, directory.Path, 2).Claim(Shard, "slow", new LogId(8), 0).Epoch;
            if (calls < call) break;
            Assert.False(others.IsStillOwner(Shard, zombie), $"held before call {call} of a claim");
            Assert.True(claimed.Value is 2 or 5, $"epoch {claimed} was claimed, held before call {call}");
            Assert.Equal(claimed.Value == 5 ? ["4", "5"] : ["5"], Names(directory.Path));
        }

        static IEnumerable<string> Names(string data) =>
            Directory.GetFiles(LogLayout.EpochDirectory(data, Shard)).Select(path => Path.GetFileName(path)).Order();
    }

    /// <remarks>Found by swapping files: a claim of the same epoch of another shard starts elsewhere in the log, and events before that vanished.</remarks>
    [Fact]
    public void Files_of_another_shard_with_the_same_epoch_are_refused()
    {
        using var directory = new TempDirectory();
        var claims = new EpochClaims(PosixFileSystem.Instance, directory.Path);
        var other = new ShardId(4);
        foreach (var (shard, start) in new[] { (Shard, 0L), (other, 8192L) })
        {
            var claim = claims.Claim(shard, "node", Log, start);
            claims.WriteOpened(shard, Log, new OpenedEpoch(claim.Epoch, default, []));
        }

        foreach (var name in new[] { "1", "1.opened" })
        {
            File.Copy(Path.Combine(LogLayout.EpochDirectory(directory.Path, other), name),
                Path.Combine(LogLayout.EpochDirectory(directory.Path, Shard), name), overwrite: true);
        }

        Assert.Throws<CorruptDataException>(() => claims.Read(Shard, new Epoch(1)));
        Assert.Throws<CorruptDataException>(() => claims.ReadOpened(Shard, new Epoch(1)));
        Assert.Equal(8192, claims.Read(other, new Epoch(1)).StartPosition);
    }

    [Fact]
    public void A_claim_is_complete_and_synced_before_it_has_its_name_and_is_never_replaced()
    {
        using var directory = new TempDirectory();
        var files = new HookedFileSystem(PosixFileSystem.Instance);
        var claims = new EpochClaims(files, directory.Path);
        var calls = new List<FileCall>();
        files.Before = (call, path) =>
        {
            Assert.NotEqual(FileCall.Rename, call);
            if (call is FileCall.Write or FileCall.SyncData or FileCall.Link or FileCall.SyncDirectory && path.Contains("epoch", StringComparison.Ordinal))
                calls.Add(call);
        };
        claims.Claim(Shard, "node", Log, 0);
        Assert.Equal([FileCall.Write, FileCall.SyncData, FileCall.SyncDirectory, FileCall.Link, FileCall.SyncDirectory], calls.TakeLast(5));
    }

    [Fact]
    public void Only_the_newest_claimant_is_still_owner_also_while_old_claims_are_being_deleted()
    {
        using var directory = new TempDirectory();
        var files = new HookedFileSystem(PosixFileSystem.Instance);
        var claims = new EpochClaims(files, directory.Path);
        for (var i = 1; i <= 6; i++)
        {
            claims.Claim(Shard, "node", Log, 0);
            claims.WriteOpened(Shard, Log, new OpenedEpoch(new Epoch(i), default, []));
        }

        // At every single step of the deletion nobody but epoch 6 is owner: that is what the ascending order is for.
        foreach (var below in new[] { 3, 6 })
        {
            files.Before = (call, _) =>
            {
                if (call == FileCall.Delete) Assert.All(Enumerable.Range(1, 5), old => Assert.False(IsOwner(directory.Path, old)));
            };
            claims.DeleteBelow(Shard, new Epoch(below));
            files.Before = null;
            AssertOwner(claims, 6);
        }

        Assert.Equal(["6", "6.opened"], Directory.GetFiles(LogLayout.EpochDirectory(directory.Path, Shard)).Select(Path.GetFileName).Order());
    }

    [Fact]
    public void Files_that_a_killed_claimant_left_count_for_nothing_and_are_removed_later()
    {
        using var directory = new TempDirectory();
        var claims = new EpochClaims(PosixFileSystem.Instance, directory.Path);
        claims.Claim(Shard, "node", Log, 0);
        var epochs = LogLayout.EpochDirectory(directory.Path, Shard);
        File.WriteAllBytes(Path.Combine(epochs, $"2.{Log}.1.tmp"), [1, 2, 3]);
        Assert.True(claims.IsStillOwner(Shard, new Epoch(1)));
        Assert.Equal(new Epoch(2), claims.Claim(Shard, "node", Log, 0).Epoch);
        Assert.Equal(new Epoch(3), claims.Claim(Shard, "node", Log, 0).Epoch);
        claims.DeleteBelow(Shard, new Epoch(3));
        Assert.Equal(["3"], Directory.GetFiles(epochs).Select(Path.GetFileName));
    }

    [Fact]
    public void Every_flipped_bit_and_every_cut_of_a_claim_or_an_opened_file_is_found()
    {
        using var directory = new TempDirectory();
        var claims = new EpochClaims(PosixFileSystem.Instance, directory.Path);
        for (var i = 0; i < 2; i++) claims.Claim(Shard, "node", Log, 4096);
        claims.WriteOpened(Shard, Log, new OpenedEpoch(new Epoch(2), new SequenceNumber(9), [new Seal(new Epoch(1), "node", Log, 8192)]));
        foreach (var name in new[] { "2", "2.opened" })
        {
            var path = Path.Combine(LogLayout.EpochDirectory(directory.Path, Shard), name);
            var bytes = File.ReadAllBytes(path);
            Action read = name == "2" ? () => claims.Read(Shard, new Epoch(2)) : () => claims.ReadOpened(Shard, new Epoch(2));
            for (var bit = 0; bit < bytes.Length * 8; bit++)
            {
                bytes[bit / 8] ^= (byte)(1 << (bit % 8));
                File.WriteAllBytes(path, bytes);
                Assert.Equal(path, Assert.Throws<CorruptDataException>(read).Path);
                bytes[bit / 8] ^= (byte)(1 << (bit % 8));
            }

            for (var length = 0; length < bytes.Length; length++)
            {
                File.WriteAllBytes(path, bytes[..length]);
                Assert.Throws<CorruptDataException>(read);
            }

            File.WriteAllBytes(path, bytes);
            read();
        }

        // Another epoch's claim under this name is no claim of this epoch.
        File.Copy(Path.Combine(LogLayout.EpochDirectory(directory.Path, Shard), "1"), Path.Combine(LogLayout.EpochDirectory(directory.Path, Shard), "3"));
        Assert.Throws<CorruptDataException>(() => claims.Read(Shard, new Epoch(3)));
    }

    [Theory]
    [InlineData("1")]
    [InlineData("1.opened")]
    [InlineData("2")]
    [InlineData("2.opened")]
    [InlineData("3")]
    [InlineData("3.opened")]
    public async Task A_lost_claim_or_opened_file_of_an_epoch_that_wrote_is_a_typed_failure_and_never_an_empty_shard(string lost)
    {
        using var directory = new TempDirectory();
        for (var epoch = 1; epoch <= 3; epoch++)
        {
            var process = new LogProcess(directory.Path);
            process.TakeOver(3);
            await TakeOverTests.Fill(process, 3, ((epoch - 1) * 2) + 1, epoch * 2);
            process.Log.Dispose();
        }

        File.Delete(Path.Combine(LogLayout.EpochDirectory(directory.Path, Shard), lost));
        using var next = new LogProcess(directory.Path);
        if (lost is "1.opened" or "2.opened")
        {
            // What they say stands in 3.opened, too.
            next.TakeOver(3);
            Assert.Equal(LogProcess.Events(3, 6), next.Read(3));
            return;
        }

        Assert.Throws<CorruptDataException>(() => next.TakeOver(3));
        Assert.Throws<CorruptDataException>(() => next.TakeOver(3));
    }

    [Fact]
    public async Task A_lost_log_of_the_last_owner_is_a_typed_failure()
    {
        using var directory = new TempDirectory();
        var process = new LogProcess(directory.Path);
        process.TakeOver(3);
        await TakeOverTests.Fill(process, 3, 1, 3);
        process.Log.Dispose();
        Directory.Delete(process.Directory, recursive: true);
        using var next = new LogProcess(directory.Path);
        Assert.Equal(process.Directory, Assert.Throws<CorruptDataException>(() => next.TakeOver(3)).Path);
    }

    private static void AssertOwner(EpochClaims claims, int owner)
    {
        for (var epoch = 1; epoch <= 7; epoch++) Assert.Equal(epoch == owner, claims.IsStillOwner(Shard, new Epoch(epoch)));
    }

    private static bool IsOwner(string data, int epoch) => new EpochClaims(PosixFileSystem.Instance, data).IsStillOwner(Shard, new Epoch(epoch));
}
