import GravlaxHeap
import Testing

/// Bitmaps of a chunk against arrays of booleans, over the same awkward ranges.
@Suite struct PageBitsTests {
    private static let edges: [UInt] = [0, 1, 62, 63, 64, 65, 127, 128, 200, 255, 256, 447, 448, 510, 511]

    /// A chunk's two bitmaps, cleared, for the time of a test.
    private static func withData(_ body: (PallocData) -> Void) {
        let words = UnsafeMutablePointer<UInt64>.allocate(capacity: 2 * PageBits.wordCount)
        words.initialize(repeating: 0, count: 2 * PageBits.wordCount)
        defer { words.deallocate() }
        body(PallocData(words))
    }

    private static func fill(_ bits: PageBits, _ ranges: [(UInt, UInt)]) {
        for (first, count) in ranges { bits.set(first, count: count) }
    }

    @Test func rangesSetClearAndCount() {
        Self.withData { data in
            let bits = data.alloc.bits
            for first in Self.edges {
                for end in Self.edges + [512] where end > first {
                    bits.clearAll()
                    bits.set(first, count: end - first)
                    #expect(bits.populationCount(0, count: 512) == end - first)
                    #expect(bits.populationCount(first, count: end - first) == end - first)
                    #expect(bits[first] && bits[end - 1])
                    #expect(first == 0 || !bits[first - 1])
                    #expect(end == 512 || !bits[end])
                    bits.setAll()
                    bits.clear(first, count: end - first)
                    #expect(bits.populationCount(0, count: 512) == 512 - (end - first))
                    #expect(bits.populationCount(first, count: end - first) == 0)
                }
            }
        }
    }

    struct SummaryCase: Sendable {
        let allocated: [(UInt, UInt)]
        let start, max, end: UInt
    }

    @Test(arguments: [
        SummaryCase(allocated: [], start: 512, max: 512, end: 512),
        SummaryCase(allocated: [(0, 512)], start: 0, max: 0, end: 0),
        SummaryCase(allocated: [(0, 1)], start: 0, max: 511, end: 511),
        SummaryCase(allocated: [(511, 1)], start: 511, max: 511, end: 0),
        SummaryCase(allocated: [(0, 1), (511, 1)], start: 0, max: 510, end: 0),
        SummaryCase(allocated: [(0, 1), (63, 449)], start: 0, max: 62, end: 0),
        SummaryCase(allocated: [(0, 60), (68, 444)], start: 0, max: 8, end: 0),
        SummaryCase(allocated: [(10, 20), (40, 460)], start: 10, max: 12, end: 12),
        SummaryCase(allocated: [(1, 2), (5, 3), (11, 490)], start: 1, max: 11, end: 11),
        SummaryCase(allocated: [(64, 64), (200, 12), (300, 212)], start: 64, max: 88, end: 0),
    ])
    func summarizes(item: SummaryCase) {
        Self.withData { data in
            Self.fill(data.alloc.bits, item.allocated)
            #expect(data.alloc.summarize() == PallocSum(start: item.start, max: item.max, end: item.end))
        }
    }

    struct FindCase: Sendable {
        let allocated: [(UInt, UInt)]
        let pageCount, hint: UInt
        let found, firstFree: UInt?
    }

    @Test(arguments: [
        FindCase(allocated: [], pageCount: 1, hint: 0, found: 0, firstFree: 0),
        FindCase(allocated: [(0, 512)], pageCount: 1, hint: 0, found: nil, firstFree: nil),
        FindCase(allocated: [(0, 100)], pageCount: 1, hint: 100, found: 100, firstFree: 100),
        FindCase(allocated: [(0, 100)], pageCount: 1, hint: 64, found: 100, firstFree: 100),
        FindCase(allocated: [(0, 3), (4, 3), (8, 500)], pageCount: 2, hint: 0, found: 508, firstFree: 3),
        FindCase(allocated: [(0, 60), (70, 442)], pageCount: 10, hint: 0, found: 60, firstFree: 60),
        FindCase(allocated: [(0, 60), (70, 442)], pageCount: 11, hint: 0, found: nil, firstFree: nil),
        FindCase(allocated: [(0, 1), (65, 1)], pageCount: 64, hint: 0, found: 1, firstFree: 1),
        FindCase(allocated: [(0, 1), (64, 1)], pageCount: 64, hint: 0, found: 65, firstFree: 1),
        FindCase(allocated: [(0, 1), (64, 1)], pageCount: 65, hint: 0, found: 65, firstFree: 1),
        FindCase(allocated: [(0, 100), (250, 1)], pageCount: 150, hint: 0, found: 100, firstFree: 100),
        FindCase(allocated: [(0, 100), (250, 1)], pageCount: 151, hint: 0, found: 251, firstFree: 100),
        FindCase(allocated: [(0, 100), (250, 1)], pageCount: 262, hint: 0, found: nil, firstFree: nil),
        FindCase(allocated: [], pageCount: 512, hint: 0, found: 0, firstFree: 0),
    ])
    func findsTheFirstRun(item: FindCase) {
        Self.withData { data in
            Self.fill(data.alloc.bits, item.allocated)
            let result = data.alloc.find(pageCount: item.pageCount, from: item.hint)
            #expect(result?.first == item.found)
            #expect(result?.firstFree == item.firstFree)
        }
    }

    @Test(arguments: [
        (0b0, 1, nil), (0b1, 1, 0), (0b1000, 1, 3), (0b1011, 2, 0), (0b1101, 2, 2), (0b1110_0110, 3, 5),
        (~0, 64, 0), (~1, 64, nil), (~1, 63, 1), (0xF0F0, 4, 4), (0xF0F0, 5, nil), (0x8000_0000_0000_0000, 1, 63),
    ] as [(UInt64, UInt, UInt?)])
    func findsBitRanges(bits: UInt64, count: UInt, expected: UInt?) {
        #expect(findBitRange64(bits, count: count) == expected)
    }

    @Test(arguments: [1, 2, 4, 8, 16, 32, 64] as [UInt])
    func fillsAlignedGroups(group: UInt) {
        var random = SeededGenerator(seed: UInt64(group))
        for _ in 0..<300 {
            let bits = random.next() & random.next() & random.next() & random.next()
            var expected: UInt64 = 0
            for bit in 0..<UInt64(64) where (0..<UInt64(group)).contains(where: {
                bits >> (bit / UInt64(group) * UInt64(group) + $0) & 1 == 1
            }) { expected |= 1 << bit }
            #expect(fillAligned(bits, group: group) == expected)
        }
    }

    struct CandidateCase: Sendable {
        let allocated, scavenged: [(UInt, UInt)]
        var minimum: UInt = 1
        let maximum: UInt
        var hint: UInt = 511
        var hugePages: UInt = 0
        let first, count: UInt?
    }

    @Test(arguments: [
        CandidateCase(allocated: [], scavenged: [], maximum: 512, first: 0, count: 512),
        CandidateCase(allocated: [], scavenged: [], maximum: 10, first: 502, count: 10),
        CandidateCase(allocated: [(0, 512)], scavenged: [], maximum: 10, first: nil, count: nil),
        CandidateCase(allocated: [], scavenged: [(0, 512)], maximum: 10, first: nil, count: nil),
        CandidateCase(allocated: [(500, 12)], scavenged: [(400, 50)], maximum: 512, first: 450, count: 50),
        CandidateCase(allocated: [(500, 12)], scavenged: [(400, 50)], maximum: 512, hint: 430, first: 0, count: 400),
        CandidateCase(allocated: [(0, 63), (66, 446)], scavenged: [], maximum: 512, first: 63, count: 3),
        CandidateCase(
            allocated: [(0, 63), (70, 442)], scavenged: [], minimum: 4, maximum: 512, first: 64, count: 4),
        CandidateCase(allocated: [], scavenged: [], minimum: 8, maximum: 9, first: 496, count: 16),
        CandidateCase(allocated: [], scavenged: [], maximum: 10, hugePages: 256, first: 256, count: 256),
        CandidateCase(allocated: [(300, 1)], scavenged: [], maximum: 10, hugePages: 256, first: 502, count: 10),
        CandidateCase(allocated: [], scavenged: [], maximum: 300, hugePages: 256, first: 0, count: 512),
        CandidateCase(allocated: [(0, 1)], scavenged: [], maximum: 300, hugePages: 256, first: 212, count: 300),
    ])
    func findsScavengeCandidates(item: CandidateCase) {
        Self.withData { data in
            Self.fill(data.alloc.bits, item.allocated)
            Self.fill(data.scavenged, item.scavenged)
            let found = data.findScavengeCandidate(
                from: item.hint, minimum: item.minimum, maximum: item.maximum, hugePagePageCount: item.hugePages)
            #expect(found?.first == item.first)
            #expect(found?.count == item.count)
        }
    }
}
