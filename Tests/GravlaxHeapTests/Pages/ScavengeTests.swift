import Glibc
import GravlaxHeap
import Testing

/// The scavenger over real memory, and what an allocator costs the process.
@Suite struct ScavengeTests {
    private static let chunkCount: UInt = 4

    private struct Backed {
        let fixture: PageFixture
        let base: UInt
        var end: UInt { base + ScavengeTests.chunkCount << PageGeometry.chunkShift }

        init() throws {
            fixture = try #require(PageFixture())
            let byteCount = ScavengeTests.chunkCount << PageGeometry.chunkShift
            let start = try #require(
                fixture.memory.reserve(byteCount: byteCount, alignment: PageGeometry.chunkByteCount))
            base = UInt(bitPattern: start)
            #expect(fixture.memory.map(start, byteCount: byteCount, statistic: fixture.metadata))
            #expect(fixture.pages.grow(base: base, byteCount: byteCount))
            // All pages have been in use, and are free with their memory.
            #expect(fixture.pages.alloc(pageCount: byteCount >> 13).base == base)
            start.initializeMemory(as: UInt8.self, repeating: 0x5A, count: Int(byteCount))
            fixture.pages.free(base: base, pageCount: byteCount >> 13)
            fixture.pages.scavengeStartGeneration()
        }

        func byte(_ address: UInt) -> UInt8 { UnsafePointer<UInt8>(bitPattern: address)!.pointee }

        func end(leaked: UInt64 = 0) {
            fixture.memory.free(
                UnsafeMutableRawPointer(bitPattern: base)!, byteCount: ScavengeTests.chunkCount << 22)
            #expect(fixture.destroy() == leaked)
        }
    }

    @Test(arguments: [true, false])
    func releasesFromTheTopDown(locked: Bool) throws {
        let backed = try Backed()
        let fixture = backed.fixture
        func scavenge(_ byteCount: UInt) -> UInt {
            if locked { return fixture.pages.scavenge(byteCount: byteCount, locked: true) }
            fixture.lock.unlock()
            defer { fixture.lock.lock() }
            return fixture.pages.scavenge(byteCount: byteCount, locked: false)
        }
        // The last page is in use: its huge page cannot be kept whole anyway, and a small request stays small.
        fixture.pages.allocRange(base: backed.end - 8192, pageCount: 1)
        #expect(scavenge(20_000) == 3 * 8192)
        #expect(fixture.released.byteCount == 3 * 8192)
        #expect(backed.byte(backed.end - 1) == 0x5A)
        #expect(backed.byte(backed.end - 8192 - 1) == 0)
        #expect(backed.byte(backed.end - 4 * 8192) == 0)
        #expect(backed.byte(backed.end - 4 * 8192 - 1) == 0x5A)
        // Of a huge page that is free, all goes or nothing.
        #expect(scavenge((2 << 20) - 4 * 8192) == (2 << 20) - 4 * 8192)
        #expect(scavenge(1) == 2 << 20)
        #expect(backed.byte(backed.end - (4 << 20)) == 0)
        #expect(backed.byte(backed.end - (4 << 20) - 1) == 0x5A)
        fixture.pages.free(base: backed.end - 8192, pageCount: 1)
        fixture.pages.scavengeStartGeneration()
        _ = scavenge(UInt.max)
        #expect(fixture.released.byteCount == 16 << 20)
        #expect(backed.byte(backed.base) == 0)
        #expect(scavenge(1) == 0)
        #expect(fixture.pages.alloc(pageCount: 2048).scavengedByteCount == 16 << 20)
        backed.end()
    }

    @Test func pagesInUseKeepTheirMemory() throws {
        let backed = try Backed()
        let pages = backed.fixture.pages
        pages.allocRange(base: backed.base + 100 * 8192, pageCount: 600)
        #expect(pages.scavenge(byteCount: .max, locked: true) == (2048 - 600) * 8192)
        #expect(backed.byte(backed.base + 100 * 8192) == 0x5A)
        #expect(backed.byte(backed.base + 700 * 8192 - 1) == 0x5A)
        #expect(backed.byte(backed.base + 100 * 8192 - 1) == 0)
        #expect(backed.byte(backed.base + 700 * 8192) == 0)
        backed.end()
    }

    /// What is freed above the scavenger's position waits for the next generation.
    @Test func aGenerationGoesDownOnce() throws {
        let backed = try Backed()
        let pages = backed.fixture.pages
        #expect(pages.scavenge(byteCount: .max, locked: true) == 16 << 20)
        let (base, _) = pages.alloc(pageCount: 2048)
        pages.free(base: base, pageCount: 2048)
        #expect(pages.scavenge(byteCount: .max, locked: true) == 0)
        pages.scavengeStartGeneration()
        #expect(pages.scavenge(byteCount: .max, locked: true) == 16 << 20)
        backed.end()
    }

    @Test func aRefusedReleaseChangesNothing() throws {
        let backed = try Backed()
        backed.fixture.memory.failCall(1)
        #expect(backed.fixture.pages.scavenge(byteCount: .max, locked: true) == 0)
        #expect(backed.fixture.released.byteCount == 0)
        #expect(backed.byte(backed.end - 1) == 0x5A)
        #expect(backed.fixture.pages.scavenge(byteCount: .max, locked: true) == 16 << 20)
        backed.end()
    }

    /// An allocator's tables are reserved, not resident, and go away with it.
    @Test func creatingIsCheapAndDestroyingReturnsAll() throws {
        let memory = try #require(OSMemory())
        let empty = memory.addressSpaceByteCount
        let fixture = try #require(PageFixture(memory: memory))
        let reserved = memory.addressSpaceByteCount - empty
        #expect(reserved > 585 << 20 && reserved < 700 << 20)
        #expect(fixture.grow(0))
        #expect(residentByteCount(in: fixture.pages.tablesRange) < 100 << 10)
        #expect(fixture.destroy() == 0)
    }
}
