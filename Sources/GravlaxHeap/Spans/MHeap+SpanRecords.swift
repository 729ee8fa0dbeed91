// Span records: a pool under the heap lock, and a stock of them in each
// processor cache so that the common case takes no lock.

import Synchronization

extension UnsafeMutablePointer where Pointee == MHeap {
    /// A value of its own: a mutating call through `pointee.spanAllocator` would count as a change of the heap's record.
    package var spanPool: UnsafeMutablePointer<FixedAllocator> { pointee.spanAllocator }

    /// A span record, from the mutator's stock, which is refilled by half when
    /// empty. Under the heap lock. nil when the system refuses.
    ///
    /// - Source: Go 1.14 mheap.go, (*mheap).allocMSpanLocked.
    package func allocSpanRecord(_ mutator: MutatorRef?) -> MSpanRef? {
        guard let mutator else { return poolRecord() }
        if mutator.pointee.spanRecordCount == 0 {
            while mutator.pointee.spanRecordCount < MutatorState.spanRecordCapacity / 2, let record = poolRecord() {
                mutator.pointee.spanRecords[mutator.pointee.spanRecordCount] = UInt(bitPattern: record)
                mutator.pointee.spanRecordCount = mutator.pointee.spanRecordCount + 1
            }
        }
        return mutator.takeSpanRecord()
    }

    /// - Source: Go 1.14 mheap.go, (*mheap).freeMSpanLocked.
    package func freeSpanRecord(_ span: MSpanRef, _ mutator: MutatorRef?) {
        if let mutator, mutator.pointee.spanRecordCount < MutatorState.spanRecordCapacity {
            mutator.pointee.spanRecords[mutator.pointee.spanRecordCount] = UInt(bitPattern: span)
            mutator.pointee.spanRecordCount = mutator.pointee.spanRecordCount + 1
            return
        }
        spanPool.pointee.free(UnsafeMutableRawPointer(span))
    }

    private func poolRecord() -> MSpanRef? {
        spanPool.pointee.allocate()?.assumingMemoryBound(to: MSpan.self)
    }

    /// Appends a new record to `allSpans`, growing it by copy: 8,192 entries
    /// first, then by half. False when the system refuses. Under the heap lock.
    ///
    /// - Source: Go 1.14 mheap.go, recordspan.
    package func recordSpan(_ span: UnsafeMutableRawPointer) -> Bool {
        // A span stands in each sweep buffer once at most, so that with room for all of them no push is ever refused.
        guard pointee.sweepSpans0.ensureCapacity(pointee.allSpansCount + 1),
            pointee.sweepSpans1.ensureCapacity(pointee.allSpansCount + 1)
        else { return false }
        if pointee.allSpansCount == pointee.allSpansCapacity {
            // Whole system pages, so that the array can go back to the system.
            let capacity = (Swift.max(8192, pointee.allSpansCapacity * 3 / 2) + 511) & ~511
            guard let raw = pointee.memory.allocate(
                byteCount: UInt(capacity * 8), statistic: pointee.statistics.spanRecords)
            else { return false }
            let array = raw.bindMemory(to: UInt.self, capacity: capacity)
            if pointee.allSpansCapacity > 0 {
                array.update(from: pointee.allSpans, count: pointee.allSpansCount)
                let oldBytes = UInt(pointee.allSpansCapacity * 8)
                pointee.memory.free(
                    UnsafeMutableRawPointer(pointee.allSpans), byteCount: oldBytes, readyByteCount: oldBytes,
                    statistic: pointee.statistics.spanRecords)
            }
            pointee.allSpans = array
            pointee.allSpansCapacity = capacity
        }
        pointee.allSpans[pointee.allSpansCount] = UInt(bitPattern: span)
        pointee.allSpansCount = pointee.allSpansCount + 1
        return true
    }
}

extension UnsafeMutablePointer where Pointee == MutatorState {
    /// The last record of the stock. No lock. nil when empty.
    ///
    /// - Source: Go 1.14 mheap.go, (*mheap).tryAllocMSpan.
    package func takeSpanRecord() -> MSpanRef? {
        if pointee.spanRecordCount == 0 { return nil }
        pointee.spanRecordCount = pointee.spanRecordCount - 1
        return MSpanRef(bitPattern: pointee.spanRecords[pointee.spanRecordCount])
    }
}
