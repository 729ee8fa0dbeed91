import Glibc
import GravlaxHeap
import Synchronization
import Testing

/// Sweepers on threads of their own, any number of them.
@Suite struct BackgroundSweeperTests {
    private func deadHeap(sweepers: Int, dead: Int) throws -> HeapFixture {
        let fixture = try HeapFixture { $0.backgroundSweepers = sweepers }
        for _ in 0..<dead { _ = try fixture.allocateNoScan(8192) }
        fixture.state.releaseAll()
        return fixture
    }

    private func waitForTheEnd(_ fixture: HeapFixture) {
        while !fixture.raw.isSweepDone { sched_yield() }
    }

    @Test func thereIsOneForAllProcessorsButOne() {
        #expect(HeapConfiguration().backgroundSweepers == max(1, Processors.count - 1))
    }

    /// Nobody allocates, nobody is running: they finish by themselves.
    @Test(.timeLimit(.minutes(1)), arguments: [1, 2, 5]) func theyFinishAlone(count: Int) throws {
        let fixture = try deadHeap(sweepers: count, dead: 2000)
        fixture.markAndFlip()
        fixture.mutator.enterOutside()
        waitForTheEnd(fixture)
        #expect(fixture.raw.pagesInUse == 0)
        fixture.mutator.leaveOutside()
        #expect(HeapVerifier(fixture.raw).violations(afterMark: false) == [])
    }

    /// More participants than processors, none of which allocates: slowly, but they finish.
    @Test(.timeLimit(.minutes(1))) func theyFinishOnABusyMachine() throws {
        let fixture = try deadHeap(sweepers: 2, dead: 200)
        let others = try (0..<Processors.count).map { _ in try fixture.makeMutator() }
        others.forEach { $0.enterOutside() }
        fixture.markAndFlip()
        others.forEach { $0.leaveOutside() }
        waitForTheEnd(fixture)
        others.forEach { $0.close() }
        #expect(fixture.raw.pagesInUse == 0)
    }

    /// A stop in the middle of their work sends them away, and afterwards they come back without being called.
    @Test(.timeLimit(.minutes(1))) func theyComeBackAfterAStop() throws {
        let fixture = try deadHeap(sweepers: 2, dead: 2000)
        fixture.markAndFlip()
        for _ in 0..<50 {
            while !fixture.raw.pointee.world.stop(fixture.state) {}
            #expect(fixture.raw.pointee.sweepers.load(ordering: .relaxed) == 0)
            fixture.raw.pointee.world.start()
        }
        fixture.mutator.enterOutside()
        waitForTheEnd(fixture)
        fixture.mutator.leaveOutside()
        #expect(fixture.raw.pagesInUse == 0)
    }

    /// A heap may go while its sweepers are at work, or about to come back.
    @Test(arguments: [true, false]) func aHeapGoesWithUnsweptSpans(isBusy: Bool) throws {
        for _ in 0..<20 {
            let fixture = try deadHeap(sweepers: 3, dead: 300)
            let others = try (0..<(isBusy ? Processors.count : 0)).map { _ in try fixture.makeMutator() }
            fixture.mutator.enterOutside()
            fixture.mutator.leaveOutside()
            others.forEach { $0.enterOutside() }
            fixture.markAndFlip()
            others.forEach {
                $0.leaveOutside()
                $0.close()
            }
            fixture.close()
        }
    }
}
