import Glibc
import GravlaxHeap
import Synchronization
import Testing

/// The scavenger on its own thread, and whether what it reports as released is gone.
@Suite(.serialized) struct BackgroundScavengerTests {
    private static func heap(_ change: (inout HeapConfiguration) -> Void = { _ in }) throws -> HeapFixture {
        try HeapFixture {
            $0.gcPercent = 100
            $0.scavengesInBackground = true
            $0.backgroundSweepers = 1
            change(&$0)
        }
    }

    /// Fills and drops 64 MiB, and collects twice: the second time the heap's goal is that of a small heap.
    private static func fillAndDrop(_ fixture: HeapFixture) throws {
        for _ in 0..<64 {
            let object = try fixture.allocateNoScan(1 << 20)
            UnsafeMutableRawPointer(bitPattern: object)!.initializeMemory(as: UInt8.self, repeating: 1, count: 1 << 20)
            fixture.roots.words.append(UInt64(object))
        }
        fixture.mutator.collect()
        fixture.roots.words = []
        fixture.mutator.collect()
    }

    private static func goal(_ fixture: HeapFixture) -> UInt { fixture.raw.pointee.scavengeGoal.load(ordering: .relaxed) }

    @Test(.timeLimit(.minutes(1)), arguments: [true, false])
    func whatTheHeapDoesNotNeedGoesBack(usesHugePages: Bool) throws {
        let fixture = try Self.heap { $0.usesHugePages = usesHugePages }
        try Self.fillAndDrop(fixture)
        fixture.mutator.enterOutside()
        while fixture.raw.retainedByteCount > Self.goal(fixture) { sched_yield() }
        fixture.mutator.leaveOutside()
        #expect(fixture.raw.retainedByteCount < 24 << 20)
        #expect(fixture.statistics.heapReleased <= fixture.statistics.heapIdle)
        // Not only by the heap's count: the system says that the pages are gone.
        var resident = 0
        _ = fixture.mutator.readStatistics()
        fixture.withLock {
            let ranges = fixture.raw.pointee.pages.inUse
            for index in 0..<ranges.count { resident += residentByteCount(in: ranges[index]) }
        }
        #expect(resident <= Int(fixture.raw.retainedByteCount))
        #expect(HeapVerifier(fixture.raw).violations(afterMark: false) == [])
    }

    /// All free memory at once: of what was touched nothing is resident any more, by the word of the system.
    @Test(arguments: [true, false]) func releasedMemoryIsNotResident(usesHugePages: Bool) throws {
        let fixture = try Self.heap {
            $0.scavengesInBackground = false
            $0.usesHugePages = usesHugePages
        }
        let object = try fixture.allocateNoScan(48 << 20)
        let range = AddressRange(base: object, limit: object + 48 << 20)
        UnsafeMutableRawPointer(bitPattern: object)!.initializeMemory(as: UInt8.self, repeating: 1, count: 48 << 20)
        #expect(residentByteCount(in: range) == 48 << 20)
        let before = processResidentByteCount()
        #expect(fixture.mutator.freeOSMemory() >= 48 << 20)
        #expect(residentByteCount(in: range) == 0)
        // Others work in this process too.
        #expect(processResidentByteCount() < before - 32 << 20)
    }

    @Test func nothingIsReleasedIfSwitchedOff() throws {
        let fixture = try Self.heap { $0.scavengesInBackground = false }
        try Self.fillAndDrop(fixture)
        #expect(fixture.raw.retainedByteCount >= 64 << 20)
    }

    /// Between two steps the world can be stopped, and each stopped heap is sound.
    @Test(.timeLimit(.minutes(1))) func itStepsAsideForStops() throws {
        let fixture = try Self.heap()
        try Self.fillAndDrop(fixture)
        var stops = 0
        while fixture.raw.retainedByteCount > Self.goal(fixture), stops < 200 {
            while !fixture.raw.pointee.world.stop(fixture.state) {}
            #expect(HeapVerifier(fixture.raw).violations(afterMark: false) == [])
            fixture.raw.pointee.world.start()
            stops += 1
        }
        #expect(stops > 0)
    }

    @Test func aHeapGoesWhileItIsScavenged() throws {
        for _ in 0..<5 {
            let fixture = try Self.heap()
            try Self.fillAndDrop(fixture)
            fixture.close()
        }
    }
}

/// Bytes of the range that are in memory.
func residentByteCount(in range: AddressRange) -> Int {
    let pageByteCount = Int(OSMemory.pageByteCount)
    let pageCount = Int(range.byteCount) / pageByteCount
    let states = UnsafeMutablePointer<UInt8>.allocate(capacity: pageCount)
    defer { states.deallocate() }
    guard mincore(UnsafeMutableRawPointer(bitPattern: range.base), Int(range.byteCount), states) == 0 else {
        return .max
    }
    return (0..<pageCount).count { states[$0] & 1 == 1 } * pageByteCount
}

/// The second figure of /proc/self/statm, in bytes.
func processResidentByteCount() -> Int {
    guard let file = fopen("/proc/self/statm", "r") else { return 0 }
    defer { fclose(file) }
    var text = [CChar](repeating: 0, count: 256)
    guard fgets(&text, Int32(text.count), file) != nil else { return 0 }
    let fields = String(decoding: text.map { UInt8(bitPattern: $0) }, as: UTF8.self).split(separator: " ")
    return (Int(fields[1]) ?? 0) * sysconf(Int32(_SC_PAGESIZE))
}
