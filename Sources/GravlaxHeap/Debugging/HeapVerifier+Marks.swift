// Reachability, worked out again: a traversal of its own from the roots, with a
// bitmap of its own, read word by word. What it reaches must be marked. If
// marking happened in a stopped world, nothing else is, but the blocks that
// mutators combine tiny objects in; else what died meanwhile may be marked too.

import Synchronization

extension HeapVerifier {
    func checkMarks(_ survey: Survey, exact: Bool, _ findings: inout Findings) {
        let reachable = ReachableSet(heap, findings)
        for mutator in survey.mutators {
            (mutator.pointee.roots?.takeUnretainedValue() as? any RootSource)?
                .visitRoots(RootVisitor(tracer: reachable))
        }
        reachFromSpecials(survey, reachable)
        repeat { reachable.trace() } while reachValues(reachable)
        findings = reachable.findings
        let tiny = Set(survey.mutators.map { $0.pointee.tiny })
        for span in survey.inUse {
            var isAnyMarked = false
            forEachMark(of: span) { index in
                isAnyMarked = true
                let object = span.base + index * span.pointee.elemSize
                findings.expect(
                    !exact || reachable.contains(object) || tiny.contains(object),
                    "object \(hex(object)) is marked and cannot be reached")
            }
            checkPageMark(span, isAnyMarked, &findings)
        }
        for block in tiny where block != 0 {
            if let (_, span, index) = heap.findObject(block) {
                findings.expect(span.isMarked(index), "the tiny block \(hex(block)) in use is not marked")
            }
        }
        checkStrayPageMarks(survey, &findings)
    }

    private func checkPageMark(_ span: MSpanRef, _ isAnyMarked: Bool, _ findings: inout Findings) {
        guard let arena = heap.arena(ArenaIndex(address: span.base)) else { return }
        let (byte, mask) = arena.pageIndex(of: span.base)
        let isPageMarked = arena.pointee.pageMarks[byte].load(ordering: .relaxed) & mask != 0
        findings.expect(
            isPageMarked == isAnyMarked,
            "\(name(span)) has \(isAnyMarked ? "marked objects and no page mark" : "a page mark and no marked object")")
    }

    private func checkStrayPageMarks(_ survey: Survey, _ findings: inout Findings) {
        let heads = Set(survey.inUse.map(\.base))
        for order in 0..<heap.pointee.allArenasCount.load(ordering: .relaxed) {
            let index = ArenaIndex(rawValue: heap.allArenas[order])
            guard let arena = heap.arena(index) else { continue }
            forEachPage(of: arena.pointee.pageMarks, in: arena) { page in
                findings.expect(
                    heads.contains(page), "page \(hex(page)) has a page mark and is not the first of an in-use span")
            }
        }
    }
}

/// The objects reached so far: a bit for each word of an arena, and those still to be looked at.
final class ReachableSet {
    private let heap: MHeapRef
    private let encoding: WordEncoding
    private var bits: [UInt: UnsafeMutablePointer<UInt64>] = [:]
    private var waiting: [UInt] = []
    /// Objects reached so far.
    private(set) var count = 0
    fileprivate var findings: Findings

    private static let wordCount = HeapConstants.arenaSize / 8 / 64

    fileprivate init(_ heap: MHeapRef, _ findings: Findings) {
        self.heap = heap
        self.findings = findings
        encoding = heap.pointee.configuration.encoding
    }

    deinit { for (_, words) in bits { words.deallocate() } }

    func contains(_ object: UInt) -> Bool {
        guard let words = bits[object >> UInt(HeapConstants.arenaShift)] else { return false }
        let word = (object & UInt(HeapConstants.arenaSize - 1)) >> 3
        return words[Int(word / 64)] >> UInt64(word % 64) & 1 != 0
    }

    private func insert(_ object: UInt) -> Bool {
        let index = object >> UInt(HeapConstants.arenaShift)
        let words: UnsafeMutablePointer<UInt64>
        if let known = bits[index] {
            words = known
        } else {
            words = .allocate(capacity: Self.wordCount)
            words.initialize(repeating: 0, count: Self.wordCount)
            bits[index] = words
        }
        let word = (object & UInt(HeapConstants.arenaSize - 1)) >> 3
        let bit: UInt64 = 1 << UInt64(word % 64)
        if words[Int(word / 64)] & bit != 0 { return false }
        words[Int(word / 64)] |= bit
        count += 1
        return true
    }

    /// Reaches what a word refers to. Whoever holds it is an object, or 0 for a root.
    func reach(_ word: UInt64, holder: UInt, slot: UInt) {
        if word & encoding.mask != encoding.match { return }
        let address = UInt(word & encoding.addressMask)
        guard let (object, span, index) = heap.findObject(address) else {
            // A client's plain addresses may lead outside the heap.
            if heap.spanOf(address) != nil { findings.add(badPointer(word, address, holder, slot)) }
            return
        }
        guard insert(object) else { return }
        findings.expect(
            span.isMarked(index), "object \(hex(object)) is reachable \(origin(holder, slot)) and not marked")
        findings.expect(
            !span.isFree(index), "object \(hex(object)) is reachable \(origin(holder, slot)) and not allocated")
        if !span.pointee.spanClass.noscan { waiting.append(object) }
    }

    private func origin(_ holder: UInt, _ slot: UInt) -> String {
        holder == 0 ? "from a root" : "from object \(hex(holder)), slot \(hex(slot))"
    }

    private func badPointer(_ word: UInt64, _ address: UInt, _ holder: UInt, _ slot: UInt) -> String {
        let span = heap.spanOf(address)!
        return "the word \(hex(UInt(word))) \(origin(holder, slot)) leads to no object: \(name(span)) is "
            + "\(span.state), its objects end at \(hex(span.pointee.limit))"
    }

    /// Everything that what waits leads to.
    func trace() {
        while let object = waiting.popLast() { reachReferents(of: object) }
    }

    /// What the object that `address` points into refers to, not the object.
    func reachReferents(of address: UInt) {
        guard let (base, span, _) = heap.findObject(address), !span.pointee.spanClass.noscan else { return }
        var at = base
        let end = base + span.pointee.elemSize
        while at < end {
            let bits = bitmapBits(at)
            if bits & 0b10 == 0 { break }
            if bits & 0b01 != 0 {
                reach(UnsafePointer<UInt64>(bitPattern: at)!.pointee, holder: base, slot: at)
            }
            at += 8
        }
    }

    /// The two bits of the word at `address`.
    private func bitmapBits(_ address: UInt) -> UInt64 {
        guard let arena = heap.arena(ArenaIndex(address: address)) else { return 0 }
        let word = (address & UInt(HeapConstants.arenaSize - 1)) >> 3
        return arena.pointee.bitmap[Int(word / 32)].load(ordering: .relaxed) >> UInt64(word % 32 * 2) & 0b11
    }
}
