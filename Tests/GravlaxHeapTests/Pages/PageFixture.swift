import Synchronization

import GravlaxHeap

/// A page allocator over addresses that nothing is mapped at, unless `backed` asks for real memory.
final class PageFixture {
    let memory: OSMemory
    let metadata: SystemStatistic
    let released: SystemStatistic
    let lock: HeapLock
    let pages: PageAllocator

    /// A chunk in the middle of the address space; tests speak of chunks relative to it.
    static let origin: UInt = 0x4000_0000_0000 >> PageGeometry.chunkShift

    init?(memory given: OSMemory? = nil) {
        guard let memory = given ?? OSMemory() else { return nil }
        let counts = UnsafeMutableRawPointer.allocate(byteCount: 24, alignment: 8)
        self.memory = memory
        metadata = SystemStatistic(initializing: counts)
        released = SystemStatistic(initializing: counts + 8)
        guard let lock = HeapLock(rank: .heap, memory: memory, statistic: metadata),
            let pages = PageAllocator(memory: memory, lock: lock, metadata: metadata, released: released)
        else { return nil }
        self.lock = lock
        self.pages = pages
        lock.lock()
    }

    /// Ends the fixture and returns the bytes of address space that were not given back.
    func destroy() -> UInt64 {
        lock.unlock()
        pages.destroy()
        return memory.destroy()
    }

    static func address(_ chunk: Int, _ page: UInt = 0) -> UInt {
        PageGeometry.chunkBase(UInt(bitPattern: Int(origin) + chunk)) + page << PageGeometry.pageShift
    }

    func grow(_ chunk: Int, count: UInt = 1) -> Bool {
        pages.grow(base: Self.address(chunk), byteCount: count << PageGeometry.chunkShift)
    }
}

/// A small generator whose sequence is known from its seed.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ z >> 30) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ z >> 27) &* 0x94D0_49BB_1331_11EB
        return z ^ z >> 31
    }
}
