import GravlaxHeap
import Synchronization
import Testing

/// What the heap retains, and when it lets go of more.
@Suite struct ScavengePacingTests {
    private static let mebibyte: UInt64 = 1 << 20

    @Test(arguments: [
        // What was in use, and a tenth more, while the goal stays.
        (inUse: 100, goal: 50, lastGoal: 50, retained: 110),
        (inUse: 100, goal: 100, lastGoal: 50, retained: 220),
        (inUse: 100, goal: 10, lastGoal: 50, retained: 22),
        (inUse: 0, goal: 50, lastGoal: 50, retained: 0),
    ] as [(inUse: UInt64, goal: UInt64, lastGoal: UInt64, retained: UInt)])
    func theGoalFollowsThatOfTheHeap(inUse: UInt64, goal: UInt64, lastGoal: UInt64, retained: UInt) {
        let bytes = MHeapRef.retainedGoal(
            heapInUse: inUse << 20, goal: goal << 20, lastGoal: lastGoal << 20)
        // Rounded up to a page.
        #expect(bytes >= retained << 20 && bytes < retained << 20 + 2 * OSMemory.pageByteCount)
        #expect(bytes % OSMemory.pageByteCount == 0)
    }

    @Test func withoutFiguresThereIsNoGoal() {
        #expect(MHeapRef.retainedGoal(heapInUse: 1 << 30, goal: 1 << 30, lastGoal: 0) == .max)
        #expect(MHeapRef.retainedGoal(heapInUse: 1 << 30, goal: .max, lastGoal: 1) == .max)
        #expect(MHeapRef.retainedGoal(heapInUse: 1 << 20, goal: .max, lastGoal: .max) == UInt(1 << 20 + (1 << 20) / 10 + 4095) & ~4095)
    }

    /// Below the goal, or as good as there, nothing is to be done, neither in the background nor when the heap grows.
    @Test func onlyAnExcessMakesAGoal() throws {
        let fixture = try HeapFixture()
        let span = try fixture.objectSpan(1000)
        func goal() -> UInt { fixture.raw.pointee.scavengeGoal.load(ordering: .relaxed) }
        fixture.raw.paceScavenger(goal: 100, lastGoal: 100)
        #expect(goal() == .max)
        #expect(fixture.raw.retainedByteCount == 1024 << 13 || fixture.raw.retainedByteCount == 1000 << 13)
        fixture.raw.paceScavenger(goal: 10, lastGoal: 100)
        #expect(goal() == alignUp(110 << 13, OSMemory.pageByteCount))
        fixture.raw.freeSpan(span, fixture.state)
    }

    /// Between two cycles the goal follows the heap's by hand, from what was in use when the last one ended.
    @Test func movingTheHeapsGoalMovesIt() throws {
        let fixture = try HeapFixture()
        let span = try fixture.objectSpan(1000)
        func goal() -> UInt { fixture.raw.pointee.scavengeGoal.load(ordering: .relaxed) }
        fixture.raw.repaceScavenger(goal: 10)
        #expect(goal() == .max)
        fixture.raw.paceScavenger(goal: 100, lastGoal: 100)
        fixture.raw.freeSpan(span, fixture.state)
        fixture.raw.repaceScavenger(goal: 20)
        #expect(goal() == alignUp(220 << 13, OSMemory.pageByteCount))
        fixture.raw.repaceScavenger(goal: 200)
        #expect(goal() == .max)
    }

    /// A memory limit is kept by giving back what the heap would else have retained.
    @Test func aMemoryLimitLowersTheGoal() throws {
        let fixture = try HeapFixture { $0.memoryLimit = 8 << 20 }
        let span = try fixture.objectSpan(2048)
        fixture.raw.paceScavenger(goal: 100, lastGoal: 100)
        let goal = fixture.raw.pointee.scavengeGoal.load(ordering: .relaxed)
        #expect(goal < (8 << 20) / 20 * 19 && goal > 6 << 20)
        fixture.raw.freeSpan(span, fixture.state)
        fixture.withLock { fixture.raw.pointee.pages.scavengeStartGeneration() }
        while fixture.raw.scavengeStep(1 << 20) > 0 {}
        #expect(fixture.counters.readyBytes < 8 << 20)
    }

    /// The chunk that is prepared for growth is the last to go.
    @Test func aPreparedChunkGoesLast() throws {
        let fixture = try HeapFixture {
            $0.usesHugePages = true
            $0.preparesMemory = false
        }
        #expect(fixture.withLock { fixture.raw.grow(8192 - 512) })
        fixture.raw.prepareSpareChunk()
        #expect(fixture.raw.preparedByteCount == 4 << 20)
        fixture.freeManual(try fixture.manualSpan(2048))
        fixture.withLock { fixture.raw.pointee.pages.scavengeStartGeneration() }
        fixture.raw.pointee.scavengeGoal.store(0, ordering: .relaxed)
        while fixture.raw.retainedByteCount > 4 << 20 {
            #expect(fixture.raw.preparedByteCount == 4 << 20)
            #expect(fixture.raw.scavengeStep(1 << 20) > 0)
        }
        #expect(fixture.raw.scavengeStep(1 << 20) == 4 << 20)
        #expect(fixture.raw.preparedByteCount == 0 && fixture.raw.retainedByteCount == 0)
        #expect(fixture.raw.scavengeStep(1 << 20) == 0)
    }

    /// A step stays within its size, and the last one ends at the goal.
    @Test func stepsEndAtTheGoal() throws {
        let fixture = try HeapFixture()
        fixture.freeManual(try fixture.manualSpan(4096))
        let held = try fixture.manualSpan(1)
        let retained = fixture.raw.retainedByteCount
        fixture.withLock { fixture.raw.pointee.pages.scavengeStartGeneration() }
        fixture.raw.pointee.scavengeGoal.store(retained - 1 << 20, ordering: .relaxed)
        var released: UInt = 0
        var steps = 0
        while case let bytes = fixture.raw.scavengeStep(64 << 10), bytes > 0 {
            released += bytes
            steps += 1
        }
        // Whole huge pages go at once.
        #expect(released >= 1 << 20 && released < 1 << 20 + OSMemory.hugePageByteCount && steps >= 1)
        #expect(fixture.raw.retainedByteCount == retained - released)
        fixture.freeManual(held)
    }
}
