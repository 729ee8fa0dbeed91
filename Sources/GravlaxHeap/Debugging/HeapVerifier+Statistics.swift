// Every counter that can be counted again from what the heap holds.

import Synchronization

extension HeapVerifier {
    func checkStatistics(_ survey: Survey, _ findings: inout Findings) {
        checkMemoryStatistics(survey, &findings)
        checkObjectCounts(survey, &findings)
        checkHeapLive(survey, &findings)
        checkRecords(survey, &findings)
    }

    /// heapSys = heapInUse + heapIdle, each of them counted, and what of it the system has back.
    private func checkMemoryStatistics(_ survey: Survey, _ findings: inout Findings) {
        let counters = heap.pointee.statistics
        func equal(_ title: String, _ stored: UInt64, _ counted: UInt64) {
            findings.expect(stored == counted, "\(title) is \(stored), counted are \(counted)")
        }
        let pageBytes = UInt64(HeapConstants.pageSize)
        let inUsePages = survey.inUse.reduce(0) { $0 + UInt64($1.pointee.pageCount) }
        let manualBytes = survey.manual.reduce(0) { $0 + UInt64($1.pointee.pageCount) * pageBytes }
        // What is not grown into is idle: the rest of the current arena, untouched, and a chunk that is set apart.
        let spareBytes = heap.pointee.spareState == .none ? 0 : UInt64(PageGeometry.chunkByteCount)
        let restBytes = UInt64(heap.pointee.curArenaEnd - heap.pointee.curArenaBase) + spareBytes
        var freePages = restBytes / pageBytes
        var scavengedPages = freePages - UInt64(heap.preparedByteCount) / pageBytes
        let pages = heap.pointee.pages
        for position in 0..<pages.inUse.count {
            let range = pages.inUse[position]
            for base in stride(from: range.base, to: range.limit, by: Int(PageGeometry.chunkByteCount)) {
                let data = pages.chunkData(containing: base)
                for word in 0..<PageBits.wordCount {
                    freePages += UInt64((~data.alloc.bits.words[word]).nonzeroBitCount)
                    scavengedPages += UInt64(data.scavenged.words[word].nonzeroBitCount)
                }
            }
        }
        for mutator in survey.mutators {
            freePages += UInt64(mutator.pointee.pageCache.free.nonzeroBitCount)
            scavengedPages += UInt64(mutator.pointee.pageCache.scavenged.nonzeroBitCount)
        }
        equal("pagesInUse", UInt64(heap.pagesInUse), inUsePages)
        equal("heapInUse", counters.heapInUse.byteCount, inUsePages * pageBytes)
        equal("heapIdle", counters.heapIdle.byteCount, freePages * pageBytes)
        equal("heapReleased", counters.heapReleased.byteCount, scavengedPages * pageBytes)
        equal("stacksInUse", counters.stacksInUse.byteCount, manualBytes)
        equal("heapSys with the stacks", counters.heapSys.byteCount + manualBytes, UInt64(pages.inUse.totalByteCount) + restBytes)
        findings.expect(
            counters.heapReleased.byteCount <= counters.heapIdle.byteCount,
            "heapReleased \(counters.heapReleased.byteCount) is above heapIdle \(counters.heapIdle.byteCount)")
    }

    /// mallocs − frees = objects, for each size class. A cached span counts as handed out whole.
    private func checkObjectCounts(_ survey: Survey, _ findings: inout Findings) {
        let counters = heap.pointee.statistics
        var objects = [UInt64](repeating: 0, count: SizeClass.count)
        var largeBytes: UInt64 = 0
        for span in survey.inUse {
            let distance = span.pointee.sweepgen.load(ordering: .relaxed) &- survey.generation
            let isCached = distance == 1 || distance == 3
            objects[Int(span.pointee.spanClass.sizeClass.rawValue)]
                += UInt64(isCached ? span.pointee.elemCount : span.pointee.allocCount)
            if span.pointee.spanClass.sizeClass == .large { largeBytes += UInt64(span.pointee.elemSize) }
        }
        for index in 1..<SizeClass.count {
            let local = survey.mutators.reduce(0) { $0 &+ $1.pointee.smallAllocs[index] }
            let counted = counters.smallAllocCount(index).value &+ local &- counters.smallFreeCount(index).value
            findings.expect(
                counted == objects[index],
                "mallocs − frees of \(SizeClassTable.size[index]) bytes is \(Int64(bitPattern: counted)), there are "
                    + "\(objects[index]) objects")
        }
        let large = counters.largeAllocCount.value &- counters.largeFreeCount.value
        findings.expect(
            large == objects[0],
            "mallocs − frees of large objects is \(Int64(bitPattern: large)), there are \(objects[0])")
        let bytes = counters.largeAllocBytes.value &- counters.largeFreeBytes.value
        findings.expect(bytes == largeBytes, "large objects count \(Int64(bitPattern: bytes)) bytes and have \(largeBytes)")
    }

    /// heapLive covers all that is or may be live. It may be more: what is cached and given back again counts the
    /// rests of spans that no object fits in.
    private func checkHeapLive(_ survey: Survey, _ findings: inout Findings) {
        var least: UInt64 = 0
        for span in survey.inUse {
            let bytes = UInt64(span.pointee.pageCount) << UInt64(HeapConstants.pageShift)
            switch span.pointee.sweepgen.load(ordering: .relaxed) &- survey.generation {
            case 0: least += UInt64(span.pointee.allocCount) * UInt64(span.pointee.elemSize)
            case 3: least += bytes
            default: least += UInt64(span.markedCount) * UInt64(span.pointee.elemSize)
            }
        }
        let live = heap.pointee.statistics.heapLive.value
        findings.expect(live >= least, "heapLive is \(live), the spans have \(least)")
    }

    /// Span records are in use, in a mutator's stock, or back in their pool; the counters of metadata cover them.
    private func checkRecords(_ survey: Survey, _ findings: inout Findings) {
        let counters = heap.pointee.statistics
        let taken = survey.inUse.count + survey.manual.count
            + survey.mutators.reduce(0) { $0 + $1.pointee.spanRecordCount }
        let pool = heap.pointee.spanAllocator
        let handedOut = pool.pointee.inUseByteCount / pool.pointee.recordByteCount
        findings.expect(
            UInt(taken) == handedOut, "\(handedOut) span records are handed out, spans and stocks have \(taken)")
        let recordBytes = UInt64(survey.records.count * MemoryLayout<MSpan>.stride + heap.pointee.allSpansCapacity * 8)
        findings.expect(
            counters.spanRecords.byteCount >= recordBytes,
            "spanRecords counts \(counters.spanRecords.byteCount) bytes, the records have \(recordBytes)")
        let arenaBytes = UInt64(heap.pointee.allArenasCount.load(ordering: .relaxed)) * UInt64(HeapArena.blockBytes)
        findings.expect(
            counters.metadata.byteCount >= arenaBytes,
            "metadata counts \(counters.metadata.byteCount) bytes, the arenas' records have \(arenaBytes)")
        let bitBytes = survey.inUse.reduce(0) {
            $0 + UInt64(MarkBitsArenas.byteCount(elemCount: Int($1.pointee.elemCount)))
        }
        let reserved = counters.inUseSpans.markBitByteCount
        findings.expect(
            UInt64(reserved) == bitBytes,
            "a cycle would reserve \(reserved) bytes of mark bits, the spans have \(bitBytes)")
        findings.expect(
            counters.markBits.byteCount >= bitBytes,
            "markBits counts \(counters.markBits.byteCount) bytes, the spans' bits have \(bitBytes)")
    }
}
