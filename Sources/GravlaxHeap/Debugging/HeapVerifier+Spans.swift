// Span records: what their fields say about each other, and the bits against the
// counts.

import Synchronization

extension HeapVerifier {
    func checkSpan(_ span: MSpanRef, afterMark: Bool, _ findings: inout Findings) {
        checkPlace(span, &findings)
        let (bytes, sizeClass) = (span.pointee.pageCount << UInt(HeapConstants.pageShift), span.pointee.spanClass.sizeClass)
        guard Int(sizeClass.rawValue) < SizeClass.count else {
            findings.add("\(name(span)) has span class \(span.pointee.spanClass.rawValue), which does not exist")
            return
        }
        if sizeClass == .large {
            findings.expect(
                span.pointee.elemSize == bytes && span.pointee.elemCount == 1,
                "\(name(span)) is large and holds \(span.pointee.elemCount) objects of \(span.pointee.elemSize) bytes")
            findings.expect(
                span.pointee.limit > span.base && span.pointee.limit <= span.base + bytes,
                "\(name(span)): its object's limit \(hex(span.pointee.limit)) lies outside it")
            findings.expect(
                span.pointee.divMul == 0 && span.pointee.divShift == 0 && span.pointee.divShift2 == 0,
                "\(name(span)) is large and has numbers to divide by")
        } else {
            checkClass(span, bytes, Int(sizeClass.rawValue), &findings)
        }
        checkCounts(span, afterMark: afterMark, &findings)
        checkSpecials(span, &findings)
    }

    func checkManual(_ span: MSpanRef, _ findings: inout Findings) {
        checkPlace(span, &findings)
        let end = span.base + span.pointee.pageCount << UInt(HeapConstants.pageShift)
        findings.expect(span.pointee.limit == end, "manual \(name(span)) does not reach to its end")
        findings.expect(span.pointee.allocCount == 0, "manual \(name(span)) counts objects")
        findings.expect(span.pointee.list == nil, "manual \(name(span)) is in a list")
        findings.expect(span.pointee.specials == nil, "manual \(name(span)) has specials")
    }

    /// The map leads from all of its pages to the span, and they have been counted as dirty.
    private func checkPlace(_ span: MSpanRef, _ findings: inout Findings) {
        findings.expect(
            span.base & UInt(HeapConstants.pageSize - 1) == 0 && span.pointee.pageCount > 0,
            "\(name(span)) is not a run of pages")
        for page in 0..<span.pointee.pageCount {
            let address = span.base + page << UInt(HeapConstants.pageShift)
            guard let arena = heap.arena(ArenaIndex(address: address)) else {
                findings.add("\(name(span)): page \(page) lies in no arena")
                return
            }
            findings.expect(arena.spanEntry(address) == span, "\(name(span)): page \(page) leads elsewhere")
            let offset = address - arena.pointee.base
            findings.expect(
                arena.pointee.zeroedBase.load(ordering: .relaxed) > offset,
                "\(name(span)): page \(page) counts as never used")
        }
    }

    private func checkClass(_ span: MSpanRef, _ bytes: UInt, _ sizeClass: Int, _ findings: inout Findings) {
        let size = UInt(SizeClassTable.size[sizeClass])
        findings.expect(
            span.pointee.pageCount == UInt(SizeClassTable.pages[sizeClass]),
            "\(name(span)) has \(span.pointee.pageCount) pages, its class has \(SizeClassTable.pages[sizeClass])")
        findings.expect(
            span.pointee.elemSize == size && UInt(span.pointee.elemCount) == bytes / size
                && span.pointee.limit == span.base + bytes / size * size,
            "\(name(span)) holds \(span.pointee.elemCount) objects of \(span.pointee.elemSize) bytes up to "
                + "\(hex(span.pointee.limit)), its class has other sizes")
        findings.expect(
            span.pointee.divMul == SizeClassTable.divMul[sizeClass]
                && span.pointee.divShift == SizeClassTable.divShift[sizeClass]
                && span.pointee.divShift2 == SizeClassTable.divShift2[sizeClass]
                && span.pointee.baseMask == SizeClassTable.baseMask[sizeClass],
            "\(name(span)) divides by other numbers than its class")
    }

    /// Alloc bits, the window of them in use, and the count of objects say the same.
    private func checkCounts(_ span: MSpanRef, afterMark: Bool, _ findings: inout Findings) {
        let state = span.pointee.sweepgen.load(ordering: .relaxed)
        let distance = state &- heap.sweepgen
        guard let allocBits = span.pointee.allocBits, span.pointee.gcmarkBits != nil else {
            findings.add("\(name(span)) has no alloc bits or no mark bits")
            return
        }
        let known: [UInt32] = afterMark ? [0, 3] : [0, 1, 3, 0 &- 2]
        findings.expect(known.contains(distance), "\(name(span)) is \(heap.describeGeneration(state))")
        findings.expect(
            span.pointee.allocCount <= span.pointee.elemCount,
            "\(name(span)) counts \(span.pointee.allocCount) objects and has room for \(span.pointee.elemCount)")
        let count = Int(span.pointee.elemCount)
        var free = 0
        var index = Int(span.pointee.freeIndex)
        while index < count {
            if allocBits[index >> 3] & (1 << UInt8(index & 7)) == 0 { free += 1 }
            index += 1
        }
        findings.expect(
            free == Int(span.freeCount),
            "\(name(span)) has \(free) clear alloc bits from object \(span.pointee.freeIndex) on, its window and "
                + "those after it have \(span.freeCount)")
        let taken = count - free
        let isCached = distance == 1 || distance == 3
        findings.expect(
            isCached ? Int(span.pointee.allocCount) <= taken : Int(span.pointee.allocCount) == taken,
            "\(name(span)) counts \(span.pointee.allocCount) objects, its bits have \(taken)")
        checkMarkBits(span, distance: distance, afterMark: afterMark, &findings)
    }

    private func checkMarkBits(
        _ span: MSpanRef, distance: UInt32, afterMark: Bool, _ findings: inout Findings
    ) {
        var marked = 0
        let count = UInt(span.pointee.elemCount)
        forEachMark(of: span) { index in
            marked += 1
            guard index < count else {
                findings.add("\(name(span)): mark bit \(index) is past its \(count) objects")
                return
            }
            let object = span.base + index * span.pointee.elemSize
            findings.expect(!span.isFree(index), "object \(hex(object)) is marked and not allocated")
        }
        if !afterMark, distance == 0 || distance == 3 {
            findings.expect(
                marked == 0 || heap.isMarking, "\(name(span)) is swept and has \(marked) marks with no mark under way")
        }
    }

    /// Calls `body` with the index of each mark bit that is set, also past the objects.
    func forEachMark(of span: MSpanRef, _ body: (UInt) -> Void) {
        var first: UInt = 0
        while first < UInt(span.pointee.elemCount) {
            var bits = span.markWord(first).pointee.load(ordering: .relaxed)
            while bits != 0 {
                body(first + UInt(bits.trailingZeroBitCount))
                bits &= bits - 1
            }
            first += 64
        }
    }

    /// No two spans share storage for bits, but for the zeroes that stand for a fresh span's allocation bits: a range
    /// handed out again too early shows here.
    func checkBitStorage(_ survey: Survey, _ findings: inout Findings) {
        let zeroes = heap.pointee.markBits.newAllocBits(elemCount: 1)
        findings.expect(
            (0..<MarkBitsArenas.maxRequestByteCount).allSatisfy { zeroes[$0] == 0 },
            "somebody wrote the allocation bits that all fresh spans share")
        var ranges: [(start: UInt, byteCount: UInt, span: MSpanRef)] = []
        for span in survey.inUse {
            let byteCount = UInt(MarkBitsArenas.byteCount(elemCount: Int(span.pointee.elemCount)))
            for bits in [span.pointee.allocBits, span.pointee.gcmarkBits] {
                if let bits, bits != zeroes { ranges.append((UInt(bitPattern: bits), byteCount, span)) }
            }
        }
        ranges.sort { $0.start < $1.start }
        for (left, right) in zip(ranges, ranges.dropFirst()) {
            findings.expect(
                left.start + left.byteCount <= right.start,
                "\(name(left.span)) and \(name(right.span)) share the bits at \(hex(right.start))")
        }
    }
}
