import Foundation
import GravlaxHeap
import Synchronization
import Testing

/// What can only be seen of a whole process, or with several threads.
@Suite struct PageAllocatorProcessTests {
    /// In a process of its own, so that nothing else maps memory meanwhile.
    @Test func allAddressSpaceGoesBack() async {
        await #expect(processExitsWith: .success) {
            func virtualPageCount() -> Int {
                let text = (try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8)) ?? ""
                return Int(text.split(separator: " ").first ?? "") ?? -1
            }
            func useOne() {
                guard let fixture = PageFixture() else { fatal("no page allocator") }
                if !fixture.grow(0) || !fixture.grow(70_000) { fatal("no growth") }
                _ = fixture.pages.alloc(pageCount: 100)
                if fixture.destroy() != 0 { fatal("address space was kept") }
            }
            for _ in 0..<20 { useOne() }
            let before = virtualPageCount()
            for _ in 0..<200 { useOne() }
            // The C library's own arenas may move by a little: one allocator reserves 150,000 pages.
            precondition(before > 0 && abs(virtualPageCount() - before) < 5000)
        }
    }

    ///     mutators                          scavenger
    ///     lock, alloc / free, unlock        lock, take a run of free pages, unlock
    ///     caches: alloc without the lock    madvise, without the lock
    ///                                       lock, give the run back as scavenged, unlock
    ///
    /// Each mutator stamps its pages and checks them before it frees them: no page has two owners, and none is
    /// released while it is in use.
    @Test func mutatorsAndScavengerShareTheHeap() throws {
        let fixture = try #require(PageFixture())
        let byteCount: UInt = 4 << PageGeometry.chunkShift
        let start = try #require(fixture.memory.reserve(byteCount: byteCount, alignment: PageGeometry.chunkByteCount))
        #expect(fixture.memory.map(start, byteCount: byteCount, statistic: fixture.metadata))
        #expect(fixture.pages.grow(base: UInt(bitPattern: start), byteCount: byteCount))
        fixture.lock.unlock()

        let pages = Unchecked(value: (pages: fixture.pages, lock: fixture.lock))
        let broken = Atomic<Int>(0)
        DispatchQueue.concurrentPerform(iterations: 4) { thread in
            let (pages, lock) = pages.value
            if thread == 3 {
                for _ in 0..<300 {
                    lock.withLock { pages.scavengeStartGeneration() }
                    _ = pages.scavenge(byteCount: 256 << 10, locked: false)
                }
                return
            }
            var random = SeededGenerator(seed: UInt64(thread))
            var held: [(base: UInt, count: UInt)] = []
            var cache = PageCache()
            for step in 0..<1500 {
                let count = UInt.random(in: 1...12, using: &random)
                if step % 2 == 0 {
                    if cache.isEmpty { cache = lock.withLock { pages.allocToCache() } }
                    var base = cache.alloc(pageCount: count).base
                    if base == 0 { base = lock.withLock { pages.alloc(pageCount: count).base } }
                    if base == 0 { continue }
                    for page in 0..<count { Self.word(base, page).pointee = UInt(thread) << 32 | base + page }
                    held.append((base, count))
                } else if let last = held.indices.randomElement(using: &random) {
                    let (base, count) = held.remove(at: last)
                    for page in 0..<count where Self.word(base, page).pointee != UInt(thread) << 32 | base + page {
                        broken.add(1, ordering: .relaxed)
                    }
                    lock.withLock { pages.free(base: base, pageCount: count) }
                }
            }
            lock.withLock {
                cache.flush(to: pages)
                for (base, count) in held { pages.free(base: base, pageCount: count) }
            }
        }
        #expect(broken.load(ordering: .relaxed) == 0)
        fixture.lock.lock()
        #expect(fixture.pages.alloc(pageCount: 2048).base == UInt(bitPattern: start))
        fixture.memory.free(start, byteCount: byteCount)
        #expect(fixture.destroy() == 0)
    }

    private static func word(_ base: UInt, _ page: UInt) -> UnsafeMutablePointer<UInt> {
        UnsafeMutablePointer(bitPattern: base + page << PageGeometry.pageShift)!
    }

    /// The lock inside is what makes sharing safe.
    private struct Unchecked<Value>: @unchecked Sendable { let value: Value }
}
