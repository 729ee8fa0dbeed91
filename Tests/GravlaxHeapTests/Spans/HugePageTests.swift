import Foundation
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
        let fixture = try HeapFixture { $0.usesHugePages = true }
        let arena: UInt64 = 64 << 20
        let chunk: UInt64 = 4 << 20
        #expect(released(fixture, chunks: 4) == [arena, arena, arena - chunk, arena - 2 * chunk])
    }

    @Test func notUnderABudgetThatTheyWouldNotFit() throws {
        let fixture = try HeapFixture {
            $0.usesHugePages = true
            $0.budget = 6 << 20
        }
        let arena: UInt64 = 64 << 20
        let chunk: UInt64 = 4 << 20
        #expect(released(fixture, chunks: 4) == [arena, arena, arena - chunk, arena - chunk])
    }

    @Test func theirPagesCanBeScavenged() throws {
        let fixture = try HeapFixture { $0.usesHugePages = true }
        _ = released(fixture, chunks: 4)
        #expect(fixture.raw.scavengeAll() == 8 << 20)
        #expect(fixture.counters.heapReleased.byteCount == 64 << 20)
    }

    @Test func whatWasScavengedComesBackInSmallPages() throws {
        let fixture = try HeapFixture { $0.usesHugePages = true }
        _ = released(fixture, chunks: 4)
        let base = try #require(fixture.withLock { fixture.raw.pointee.pages.inUse.firstAddress(from: 0) })
        _ = fixture.raw.scavengeAll()
        #expect(hasHugePageAdvice(base + 8 << 20) != true)
    }

    /// The kernel's own word, where it gives it: the mapping is advised to use huge pages.
    @Test func theSystemIsAsked() throws {
        let fixture = try HeapFixture { $0.usesHugePages = true }
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
