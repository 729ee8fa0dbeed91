import GravlaxHeap
import Testing

/// Memory is clear when an object is made in it, whatever lay there before.
@Suite struct ZeroingTests {
    private static let sizes = [1, 8, 15, 16, 24, 32, 100, 128, 129, 256, 257, 1000, 1025, 4096, 9000, 32_768, 32_769, 300_000]

    /// Fills a few spans of the class with junk, frees all of it, and looks at what comes next.
    private func reuse(_ byteCount: Int, _ allocate: (HeapFixture) throws -> UInt) throws {
        let fixture = try HeapFixture()
        let count = Swift.min(40_000 / byteCount + 3, 300)
        for _ in 0..<3 {
            for _ in 0..<count {
                let address = try allocate(fixture)
                let bytes = UnsafeMutableRawBufferPointer(
                    start: UnsafeMutableRawPointer(bitPattern: address), count: byteCount)
                #expect(bytes.allSatisfy { $0 == 0 })
                bytes.initializeMemory(as: UInt8.self, repeating: 0xA5)
            }
            fixture.mutator.collect()
        }
    }

    @Test(arguments: sizes) func withoutPointers(byteCount: Int) throws {
        try reuse(byteCount) { try $0.allocateNoScan(byteCount) }
    }

    @Test(arguments: sizes.filter { $0 % 8 == 0 }) func withPointers(byteCount: Int) throws {
        // Junk that is no pointer: 0xA5A5… has high bits set.
        let layout = ObjectLayout(headerWords: 0, slotCount: byteCount / 8)
        try reuse(byteCount) { try $0.allocate(layout) }
    }

    @Test func aPartOfASpanIsClearedRunByRun() throws {
        let fixture = try HeapFixture()
        let layout = ObjectLayout(headerWords: 0, slotCount: 4)
        // Fill the span; keep objects in a pattern of runs, all of them with contents.
        var kept: [UInt] = []
        for index in 0..<256 {
            let address = try fixture.allocate(layout)
            for word in 0..<4 { object(address)[word] = 0xA5A5_A5A5_A5A5_A5A5 }
            if [0, 5, 6, 7, 63, 64, 130, 255].contains(index) || (100..<120).contains(index) { kept.append(address) }
        }
        fixture.roots.words = kept.map { UInt64($0) }
        fixture.mutator.collect()
        var seen = Set(kept)
        for _ in 0..<256 - kept.count {
            let address = try fixture.allocate(layout)
            #expect(seen.insert(address).inserted)
            #expect((0..<4).allSatisfy { object(address)[$0] == 0 })
        }
        for address in kept { #expect((0..<4).allSatisfy { object(address)[$0] == 0xA5A5_A5A5_A5A5_A5A5 }) }
    }
}
