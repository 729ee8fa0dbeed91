import GravlaxHeap
import Testing

@Suite struct StressModeTests {
    /// `stress=n` asks for a cycle at every n-th allocation, of whatever kind, and at no other.
    @Test(arguments: [1, 2, 3, 7, 100])
    func everyNthAllocationAsksForACycle(interval: Int) throws {
        let fixture = try HeapFixture { $0.debug.stress = interval }
        let layout = ObjectLayout(headerWords: 1, slotCount: 2)
        for number in 1...1000 {
            switch number % 3 {
            case 0: _ = try fixture.allocate(layout)
            case 1: _ = try fixture.allocateNoScan(64)
            default: _ = try fixture.allocateNoScan(number % 2 == 0 ? 40_000 : 2000)
            }
            #expect(fixture.mutator.pollRequested == (number % interval == 0))
            fixture.state.withdrawPoll(.collect)
        }
    }
}
