import Foundation
import Glibc
import GravlaxHeap
import Testing

@Suite struct HugePageTests {
    /// Grows chunk by chunk and says after each how many bytes count as released.
    private func released(_ fixture: HeapFixture, chunks: Int) -> [UInt64] {
        (0..<chunks).map { _ in
            #expect(fixture.withLock { fixture.raw.grow(1) })
            return fixture.counters.heapReleased.byteCount
        }
    }

    @Test func chunksBeyondTheFirstEightMebibytesCountAsReady() throws {
        let fixture = try HeapFixture {
            $0.usesHugePages = true
            $0.preparesMemory = false
        }
        let arena: UInt64 = 64 << 20
        let chunk: UInt64 = 4 << 20
        #expect(released(fixture, chunks: 4) == [arena, arena, arena - chunk, arena - 2 * chunk])
    }

    @Test func notUnderABudgetThatTheyWouldNotFit() throws {
        let fixture = try HeapFixture {
            $0.usesHugePages = true
            $0.preparesMemory = false
            $0.budget = 6 << 20
        }
        let arena: UInt64 = 64 << 20
        let chunk: UInt64 = 4 << 20
        #expect(released(fixture, chunks: 4) == [arena, arena, arena - chunk, arena - chunk])
    }

    @Test func theirPagesCanBeScavenged() throws {
        let fixture = try HeapFixture {
            $0.usesHugePages = true
            $0.preparesMemory = false
        }
        _ = released(fixture, chunks: 4)
        #expect(fixture.raw.scavengeAll() == 8 << 20)
        #expect(fixture.counters.heapReleased.byteCount == 64 << 20)
    }

    @Test func whatWasScavengedComesBackInSmallPages() throws {
        let fixture = try HeapFixture {
            $0.usesHugePages = true
            $0.preparesMemory = false
        }
        _ = released(fixture, chunks: 4)
        let base = try #require(fixture.withLock { fixture.raw.pointee.pages.inUse.firstAddress(from: 0) })
        _ = fixture.raw.scavengeAll()
        #expect(hasHugePageAdvice(base + 8 << 20) != true)
    }

    // MARK: The next chunk

    private static let chunk = PageGeometry.chunkByteCount

    /// A heap of 40 MiB. Nothing is prepared in the background: tests do that themselves.
    private func largeHeap(_ change: (inout HeapConfiguration) -> Void = { _ in }) throws -> HeapFixture {
        let fixture = try HeapFixture {
            $0.usesHugePages = true
            $0.preparesMemory = false
            change(&$0)
        }
        _ = released(fixture, chunks: 10)
        return fixture
    }

    private func next(_ fixture: HeapFixture) -> AddressRange {
        fixture.withLock {
            AddressRange(base: fixture.raw.pointee.curArenaBase, limit: fixture.raw.pointee.curArenaBase + Self.chunk)
        }
    }

    private func violations(_ fixture: HeapFixture) -> [String] { HeapVerifier(fixture.raw).violations(afterMark: false) }

    /// Touched and counted once: when it is prepared, and not again when the heap grows into it.
    @Test func theNextChunkIsReadyBeforeItIsNeeded() throws {
        let fixture = try largeHeap()
        let range = next(fixture)
        let before = fixture.counters.heapReleased.byteCount
        #expect(residentByteCount(in: range) == 0)
        fixture.raw.prepareSpareChunk()
        #expect(fixture.raw.preparedByteCount == Self.chunk)
        #expect(fixture.counters.heapReleased.byteCount == before - UInt64(Self.chunk))
        #expect(residentByteCount(in: range) == Int(Self.chunk) && violations(fixture) == [])
        // Twice is once.
        fixture.raw.prepareSpareChunk()
        #expect(fixture.raw.preparedByteCount == Self.chunk)
        #expect(fixture.withLock { fixture.raw.grow(1) })
        #expect(fixture.raw.preparedByteCount == 0 && fixture.counters.heapReleased.byteCount == before - UInt64(Self.chunk))
        #expect(violations(fixture) == [])
    }

    /// More than a chunk lies elsewhere, and is counted as it always is; the chunk stays for what is smaller.
    @Test func largeSpansLeaveThePreparedChunk() throws {
        let fixture = try largeHeap()
        let before = fixture.counters.heapReleased.byteCount
        fixture.raw.prepareSpareChunk()
        #expect(fixture.withLock { fixture.raw.grow(3 * 512) })
        #expect(fixture.counters.heapReleased.byteCount == before - UInt64(4 * Self.chunk))
        #expect(fixture.raw.preparedByteCount == Self.chunk && violations(fixture) == [])
    }

    /// Small spans get no huge page that nobody has touched; whoever asks for megabytes does.
    @Test func smallSpansGrowIntoSmallPagesUnlessTheyArePrepared() throws {
        let fixture = try largeHeap { $0.preparesMemory = true }
        #expect(fixture.counters.heapReleased.byteCount >= UInt64(24 - 4) << 20)
        let base = fixture.withLock { fixture.raw.pointee.pages.inUse.firstAddress(from: 0) }
        #expect(hasHugePageAdvice(try #require(base) + 12 << 20) != true)
        let large = next(fixture).base
        #expect(fixture.withLock { fixture.raw.grow(2 * 512) })
        #expect(hasHugePageAdvice(large + Self.chunk) != false)
    }

    /// While a chunk is being touched the heap grows past it.
    @Test func growingWhileAChunkIsTouched() throws {
        let fixture = try largeHeap()
        let first = next(fixture).base
        fixture.raw.prepareSpareChunk()
        fixture.raw.pointee.spareState = .preparing
        #expect(fixture.withLock { fixture.raw.grow(1) })
        #expect(next(fixture).base == first + 2 * Self.chunk && fixture.raw.preparedByteCount == Self.chunk)
        #expect(fixture.withLock { fixture.raw.pointee.pages.inUse.contains(first + Self.chunk) })
        #expect(fixture.withLock { !fixture.raw.pointee.pages.inUse.contains(first) } && violations(fixture) == [])
        #expect(fixture.raw.scavengeAll() > 0 && fixture.raw.preparedByteCount == Self.chunk)
        fixture.raw.pointee.spareState = .ready
        #expect(fixture.withLock { fixture.raw.grow(1) && fixture.raw.pointee.pages.inUse.contains(first) })
        #expect(fixture.raw.preparedByteCount == 0 && violations(fixture) == [])
    }

    @Test func whatIsPreparedCanBeReleased() throws {
        let fixture = try largeHeap()
        let range = next(fixture)
        fixture.raw.prepareSpareChunk()
        _ = fixture.raw.scavengeAll()
        #expect(fixture.counters.heapReleased.byteCount == fixture.counters.heapIdle.byteCount)
        #expect(residentByteCount(in: range) == 0 && fixture.raw.preparedByteCount == 0 && violations(fixture) == [])
        // It is prepared again, or grown into as it is.
        fixture.raw.prepareSpareChunk()
        #expect(residentByteCount(in: range) == Int(Self.chunk) && next(fixture).base == range.limit)
        _ = fixture.raw.scavengeAll()
        let before = fixture.counters.heapReleased.byteCount
        #expect(fixture.withLock { fixture.raw.grow(1) && fixture.raw.pointee.pages.inUse.contains(range.base) })
        #expect(fixture.counters.heapReleased.byteCount == before && violations(fixture) == [])
    }

    /// At the end of an arena the next one is mapped for it; if something else lies there nothing happens.
    @Test func atTheEndOfAnArenaItGoesOnInTheNext() throws {
        let fixture = try largeHeap()
        _ = released(fixture, chunks: 6)
        let end = fixture.raw.pointee.curArenaEnd
        #expect(fixture.raw.pointee.curArenaBase == end)
        fixture.raw.prepareSpareChunk()
        let isExtended = fixture.raw.pointee.curArenaEnd > end
        #expect(fixture.raw.preparedByteCount == (isExtended ? Self.chunk : 0) && violations(fixture) == [])
        // More than the rest of the arena, whether it can follow on it or not.
        #expect(fixture.withLock { fixture.raw.grow(UInt(2 * HeapConstants.pagesPerArena)) })
        #expect(violations(fixture) == [])
        #expect(fixture.withLock { fixture.raw.grow(1) })
        #expect(fixture.raw.preparedByteCount == 0 && violations(fixture) == [])
    }

    @Test func aBudgetIsNotSpentOnIt() throws {
        let fixture = try largeHeap { $0.budget = 44 << 20 }
        let before = fixture.counters.readyBytes
        fixture.raw.prepareSpareChunk()
        #expect(fixture.raw.preparedByteCount == 0 && fixture.counters.readyBytes == before)
    }

    /// What is prepared makes room for what is needed elsewhere.
    @Test func underABudgetWhatIsPreparedGoesFirst() throws {
        let fixture = try HeapFixture {
            $0.usesHugePages = true
            $0.preparesMemory = false
            $0.budget = 36 << 20
        }
        _ = released(fixture, chunks: 8)
        _ = fixture.raw.scavengeAll()
        fixture.raw.prepareSpareChunk()
        #expect(fixture.raw.preparedByteCount == Self.chunk)
        let span = try fixture.manualSpan(32 << 7)
        #expect(fixture.raw.preparedByteCount == 0)
        #expect(fixture.counters.readyBytes <= 36 << 20 && violations(fixture) == [])
        fixture.freeManual(span)
    }

    /// In the background, as the heap grows.
    @Test(.timeLimit(.minutes(1))) func growingCallsForTheNextChunk() throws {
        let fixture = try largeHeap { $0.preparesMemory = true }
        func isPrepared() -> Bool { fixture.withLock { fixture.raw.pointee.spareState == .ready } }
        while !isPrepared() { sched_yield() }
        let base = fixture.withLock { fixture.raw.pointee.spareChunk }
        #expect(residentByteCount(in: AddressRange(base: base, limit: base + Self.chunk)) == Int(Self.chunk))
        #expect(fixture.withLock { fixture.raw.grow(1) })
        while !isPrepared() { sched_yield() }
    }

    @Test func aSmallHeapPreparesNothing() throws {
        let fixture = try HeapFixture { $0.usesHugePages = true }
        _ = released(fixture, chunks: 7)
        #expect(fixture.withLock { fixture.raw.preparedByteCount } == 0)
    }

    /// The kernel's own word, where it gives it: the mapping is advised to use huge pages.
    @Test func theSystemIsAsked() throws {
        let fixture = try HeapFixture {
            $0.usesHugePages = true
            $0.preparesMemory = false
        }
        _ = released(fixture, chunks: 3)
        let base = try #require(fixture.withLock { fixture.raw.pointee.pages.inUse.firstAddress(from: 0) })
        #expect(hasHugePageAdvice(base + 8 << 20) != false)
        #expect(hasHugePageAdvice(base) != true)
    }

    /// A large span on pages that the system has may be advised as a whole, unless the heap is to have no huge pages.
    @Test(arguments: [false, true]) func largeSpansFollowTheConfiguration(usesHugePages: Bool) throws {
        let fixture = try HeapFixture { $0.usesHugePages = usesHugePages }
        let span = try fixture.manualSpan(512)
        #expect(hasHugePageAdvice(span.base) != !usesHugePages)
        fixture.freeManual(span)
    }
}

/// Whether the mapping at `address` is advised to use huge pages; nil where the kernel has none or does not say.
private func hasHugePageAdvice(_ address: UInt) -> Bool? {
    guard FileManager.default.fileExists(atPath: "/sys/kernel/mm/transparent_hugepage/enabled"),
        // Not by its size, which is 0.
        let contents = try? FileHandle(forReadingAtPath: "/proc/self/smaps")?.readToEnd()
    else { return nil }
    let text = String(decoding: contents, as: UTF8.self)
    var isInside = false
    for line in text.split(separator: "\n") {
        let bounds = line.prefix { $0 != " " }.split(separator: "-").map { UInt($0, radix: 16) }
        if bounds.count == 2, let low = bounds[0], let high = bounds[1] { isInside = low <= address && address < high }
        if isInside, line.hasPrefix("VmFlags:") { return line.split(separator: " ").contains("hg") }
    }
    return nil
}
