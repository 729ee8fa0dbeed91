import GravlaxHeap
import Testing

/// What happens at the limit, and in which order.
@Suite struct BudgetTests {
    private static let budget: UInt64 = 16 << 20

    private func fixture() throws -> HeapFixture { try HeapFixture { $0.budget = Self.budget } }

    /// Allocates until refused; the addresses.
    private func fill(_ fixture: HeapFixture, byteCount: Int) -> [UInt64] {
        var addresses: [UInt64] = []
        while let object = fixture.mutator.allocateNoScan(byteCount: byteCount) {
            addresses.append(UInt64(UInt(bitPattern: object)))
        }
        return addresses
    }

    @Test(arguments: [16, 1000, 8192, 32_768, 100_000, 3 << 20])
    func theHeapStaysWithinItsBudget(byteCount: Int) throws {
        let fixture = try fixture()
        let count = fill(fixture, byteCount: byteCount).count
        #expect(fixture.counters.readyBytes <= Self.budget)
        // Most of it went to objects.
        #expect(count * byteCount > Int(Self.budget) * 8 / 10)
    }

    @Test func whatIsTooLargeAloneIsRefusedAtOnceAndHarmsNothing() throws {
        let fixture = try fixture()
        for byteCount in [Int(Self.budget) + 1, 1 << 30, 1 << 45, Int.max] {
            #expect(fixture.mutator.allocateNoScanOrCollect(byteCount: byteCount) == nil)
        }
        // What the cycles needed for themselves, at most.
        #expect(fixture.counters.readyBytes < 1 << 20)
        #expect(fixture.mutator.allocateNoScan(byteCount: 1 << 20) != nil)
    }

    @Test func idlePagesAreReleasedBeforeAnythingIsCollected() throws {
        let fixture = try fixture()
        // Two thirds of the budget, freed again: idle, and not released.
        let large = try (0..<10).map { _ in try fixture.manualSpan(128) }
        large.forEach { fixture.freeManual($0) }
        let cycles = fixture.statistics.cycles
        // As much again, where the idle pages do not suffice in one piece.
        #expect(fixture.mutator.allocateNoScan(byteCount: 12 << 20) != nil)
        #expect(fixture.statistics.cycles == cycles)
        #expect(fixture.counters.readyBytes <= Self.budget)
    }

    @Test func deadObjectsThatOnlyNeedSweepingNeedNoCycle() throws {
        let fixture = try fixture()
        _ = fill(fixture, byteCount: 100_000)
        fixture.markAndFlip()
        let cycles = fixture.statistics.cycles
        #expect(fixture.mutator.allocateNoScanOrCollect(byteCount: 10 << 20) != nil)
        #expect(fixture.statistics.cycles == cycles)
    }

    @Test func aWholeCycleIsTheLastResort() throws {
        let fixture = try fixture()
        _ = fill(fixture, byteCount: 100_000)
        let cycles = fixture.statistics.cycles
        #expect(fixture.mutator.allocateNoScanOrCollect(byteCount: 10 << 20) != nil)
        #expect(fixture.statistics.cycles == cycles + 1)
    }

    @Test func liveDataIsNeverGivenUpAndRoomComesBack() throws {
        let fixture = try fixture()
        let live = fill(fixture, byteCount: 1000)
        for address in live { object(UInt(address))[0] = address }
        fixture.roots.words = live
        #expect(fixture.mutator.allocateNoScanOrCollect(byteCount: 1 << 20) == nil)
        #expect(live.allSatisfy { object(UInt($0))[0] == $0 })
        fixture.roots.words = Array(live.prefix(live.count / 2))
        #expect(fixture.mutator.allocateNoScanOrCollect(byteCount: 1 << 20) != nil)
        #expect(fixture.roots.words.allSatisfy { object(UInt($0))[0] == $0 })
    }

    /// Live data well below the budget, and garbage of another size each time: nothing is ever refused.
    @Test func liveDataBelowTheBudgetNeverFails() throws {
        let fixture = try fixture()
        fixture.roots.words = try (0..<6_000).map { _ in UInt64(try fixture.allocateNoScan(1000)) }
        for byteCount in [16, 48, 200, 1000, 5000, 32_768, 100_000, 2 << 20] {
            for _ in 0..<(40 << 20) / byteCount / 4 {
                #expect(fixture.mutator.allocateNoScanOrCollect(byteCount: byteCount) != nil)
            }
        }
        #expect(fixture.counters.readyBytes <= Self.budget)
    }

    /// A cache of one mutator holds what another needs.
    @Test func theCachesOfAllMutatorsAreFlushed() throws {
        let fixture = try fixture()
        let other = try fixture.makeMutator()
        for byteCount in stride(from: 16, through: 32_768, by: 512) { _ = other.allocateNoScan(byteCount: byteCount) }
        _ = other.allocateNoScan(byteCount: 8)
        other.enterOutside()
        _ = fill(fixture, byteCount: 8192)
        #expect(fixture.mutator.allocateNoScanOrCollect(byteCount: Int(Self.budget) * 9 / 10) != nil)
        other.leaveOutside()
        other.close()
    }
}
