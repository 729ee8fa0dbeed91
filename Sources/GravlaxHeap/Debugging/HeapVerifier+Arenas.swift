// Arenas: their list against the map, their page bits against the spans, and
// the rest of the arena that the heap grows into.

import Synchronization

extension HeapVerifier {
    func checkArenas(_ survey: Survey, _ findings: inout Findings) {
        let indexes = checkArenaMap(&findings)
        checkCurrentArena(&findings)
        let heads = Set(survey.inUse.map(\.base))
        for index in indexes {
            guard let arena = heap.arena(index) else { continue }
            checkPageInUse(arena, heads, &findings)
            checkPageMap(arena, survey, &findings)
            findings.expect(
                arena.pointee.zeroedBase.load(ordering: .relaxed) <= UInt(HeapConstants.arenaSize),
                "arena \(hex(index.base)): its high-water mark lies outside it")
        }
    }

    /// `allArenas` and the map agree. The map is only looked at around the arenas in use: it has four million entries.
    private func checkArenaMap(_ findings: inout Findings) -> [ArenaIndex] {
        let count = heap.pointee.allArenasCount.load(ordering: .relaxed)
        findings.expect(
            heap.pointee.sweepArenasCount.load(ordering: .relaxed) <= count,
            "the sweep began with more arenas than the \(count) there are")
        var indexes: [ArenaIndex] = []
        var seen: Set<ArenaIndex> = []
        for order in 0..<count {
            let index = ArenaIndex(rawValue: heap.allArenas[order])
            findings.expect(seen.insert(index).inserted, "arena \(hex(index.base)) is twice in allArenas")
            guard index.isValid, let arena = heap.arena(index) else {
                findings.add("arena \(hex(index.base)) is in allArenas and not in the map")
                continue
            }
            findings.expect(
                arena.pointee.base == index.base,
                "arena \(hex(index.base)): the map leads to the record of \(hex(arena.pointee.base))")
            indexes.append(index)
        }
        guard let low = indexes.map(\.rawValue).min(), let high = indexes.map(\.rawValue).max() else { return [] }
        let first = low < 64 ? 0 : low - 64
        for raw in first...min(high + 64, UInt(HeapConstants.arenaCount - 1)) {
            let index = ArenaIndex(address: raw << UInt(HeapConstants.arenaShift))
            if heap.arena(index) != nil {
                findings.expect(seen.contains(index), "arena \(hex(index.base)) is in the map and not in allArenas")
            }
        }
        return indexes
    }

    /// The rest of the current arena is reserved, whole chunks, and not yet the page allocator's.
    private func checkCurrentArena(_ findings: inout Findings) {
        let base = heap.pointee.curArenaBase
        let end = heap.pointee.curArenaEnd
        if base == end { return }
        findings.expect(
            base < end && base & (PageGeometry.chunkByteCount - 1) == 0 && end & UInt(HeapConstants.arenaSize - 1) == 0,
            "the current arena \(hex(base)) to \(hex(end)) is not a run of whole chunks up to an arena's end")
        if base < end {
            findings.expect(
                !heap.pointee.pages.inUse.intersects(AddressRange(base: base, limit: end)),
                "the rest of the current arena, from \(hex(base)) on, belongs to the page allocator already")
            for address in stride(from: base, to: end, by: HeapConstants.arenaSize) {
                findings.expect(
                    heap.arena(ArenaIndex(address: address)) != nil,
                    "the current arena at \(hex(address)) has no record")
            }
        }
    }

    /// Exactly the first pages of in-use spans have their bit set.
    private func checkPageInUse(_ arena: HeapArenaRef, _ heads: Set<UInt>, _ findings: inout Findings) {
        forEachPage(of: arena.pointee.pageInUse, in: arena) { page in
            findings.expect(
                heads.contains(page), "page \(hex(page)) is marked in use and not the first of an in-use span")
        }
        for head in heads where ArenaIndex(address: head).base == arena.pointee.base {
            let (byte, mask) = arena.pageIndex(of: head)
            findings.expect(
                arena.pointee.pageInUse[byte].load(ordering: .relaxed) & mask != 0,
                "span \(hex(head)): its first page is not marked in use")
        }
    }

    /// Calls `body` with the address of each page whose bit is set.
    func forEachPage(of bits: UnsafeMutablePointer<Atomic<UInt8>>, in arena: HeapArenaRef, _ body: (UInt) -> Void) {
        for byte in 0..<HeapArena.pageBitBytes {
            let bits = bits[byte].load(ordering: .relaxed)
            if bits == 0 { continue }
            for bit in 0..<8 where bits & (1 << UInt8(bit)) != 0 {
                body(arena.pointee.base + UInt(byte * 8 + bit) << UInt(HeapConstants.pageShift))
            }
        }
    }

    /// Entries of pages that are in no span may be stale, but lead to a record.
    private func checkPageMap(_ arena: HeapArenaRef, _ survey: Survey, _ findings: inout Findings) {
        var page = -1
        while page + 1 < HeapConstants.pagesPerArena {
            page += 1
            let entry = arena.pointee.spans[page].load(ordering: .relaxed)
            if entry == 0 { continue }
            if !survey.records.contains(entry) {
                let address = arena.pointee.base + UInt(page) << UInt(HeapConstants.pageShift)
                findings.add("page \(hex(address)) leads to \(hex(entry)), which is no span record")
            }
        }
    }
}
