import GravlaxHeap
import Synchronization
import Testing

/// Span records: each made once and listed once, recycled through stocks.
@Suite struct SpanRecordTests {
    /// Makes records until the heap has `count` of them.
    private func fill(_ fixture: HeapFixture, _ count: Int) throws {
        try fixture.withLock {
            while fixture.raw.pointee.allSpansCount < count {
                _ = try #require(fixture.raw.allocSpanRecord(nil))
            }
        }
    }

    @Test func theListOfAllRecordsGrowsByHalf() throws {
        let fixture = try HeapFixture()
        try fill(fixture, 1)
        #expect(fixture.raw.pointee.allSpansCapacity == 8192)
        try fill(fixture, 8192)
        #expect(fixture.raw.pointee.allSpansCapacity == 8192)
        try fill(fixture, 8193)
        #expect(fixture.raw.pointee.allSpansCapacity == 12288)
        try fill(fixture, 12289)
        #expect(fixture.raw.pointee.allSpansCapacity == 18432)
        let records = (0..<12289).map { fixture.raw.pointee.allSpans[$0] }
        #expect(Set(records).count == 12289 && !records.contains(0))
    }

    @Test func aRefusedListIsARefusedRecord() throws {
        let fixture = try HeapFixture()
        try fill(fixture, 8192)
        fixture.memory.failCall(1)
        #expect(fixture.withLock { fixture.raw.allocSpanRecord(nil) } == nil)
        #expect(fixture.raw.pointee.allSpansCount == 8192)
        #expect(fixture.raw.pointee.allSpansCapacity == 8192)
        #expect(fixture.withLock { fixture.raw.allocSpanRecord(nil) } != nil)
        #expect(fixture.raw.pointee.allSpansCount == 8193)
    }

    @Test func anEmptyStockIsRefilledByHalf() throws {
        let fixture = try HeapFixture()
        let state = fixture.state
        #expect(state.takeSpanRecord() == nil)
        fixture.withLock { _ = fixture.raw.allocSpanRecord(state) }
        #expect(state.pointee.spanRecordCount == 63)
        #expect(fixture.raw.pointee.allSpansCount == 64)
        for left in (0..<63).reversed() {
            #expect(state.takeSpanRecord() != nil)
            #expect(state.pointee.spanRecordCount == left)
        }
        #expect(state.takeSpanRecord() == nil)
        fixture.withLock { _ = fixture.raw.allocSpanRecord(state) }
        #expect(fixture.raw.pointee.allSpansCount == 128)
    }

    @Test func withoutAMutatorRecordsComeFromThePool() throws {
        let fixture = try HeapFixture()
        fixture.withLock {
            let record = fixture.raw.allocSpanRecord(nil)!
            #expect(fixture.raw.pointee.allSpansCount == 1)
            fixture.raw.freeSpanRecord(record, nil)
            #expect(fixture.raw.pointee.spanAllocator.pointee.inUseByteCount == 0)
            #expect(fixture.raw.allocSpanRecord(nil) == record)
            #expect(fixture.raw.pointee.allSpansCount == 1)
        }
    }

    @Test func aFullStockGivesToThePool() throws {
        let fixture = try HeapFixture()
        let raw = fixture.raw
        let state = fixture.state
        fixture.withLock {
            let records = (0..<130).map { _ in raw.allocSpanRecord(nil)! }
            let size = raw.pointee.spanAllocator.pointee.inUseByteCount / 130
            for record in records { raw.freeSpanRecord(record, state) }
            #expect(state.pointee.spanRecordCount == 128)
            #expect(raw.pointee.spanAllocator.pointee.inUseByteCount == 128 * size)
            #expect(state.takeSpanRecord() == records[127])
            #expect(raw.allocSpanRecord(nil) == records[129])
        }
    }

    @Test func aClosedMutatorLeavesNoRecordBehind() throws {
        let fixture = try HeapFixture()
        let other = try fixture.makeMutator()
        fixture.withLock { _ = fixture.raw.allocSpanRecord(other.state) }
        let size = UInt(MSpan.recordByteCount)
        #expect(fixture.raw.pointee.spanAllocator.pointee.inUseByteCount == 64 * size)
        other.close()
        #expect(fixture.raw.pointee.spanAllocator.pointee.inUseByteCount == size)
    }

    @Test func aRecycledRecordKeepsItsGeneration() throws {
        let fixture = try HeapFixture()
        fixture.markAndFlip()
        let span = try fixture.objectSpan(1)
        let generation = span.pointee.sweepgen.load(ordering: .relaxed)
        #expect(generation == fixture.raw.sweepgen && generation == 2)
        fixture.raw.freeSpan(span, nil)
        let again = try fixture.manualSpan(1)
        #expect(again == span)
        #expect(again.pointee.sweepgen.load(ordering: .relaxed) == generation)
        fixture.freeManual(again)
    }
}

/// What marking and allocation look at stands in the first cache line of a record, and every record begins one.
@Suite struct SpanRecordLayoutTests {
    @Test func theHotFieldsShareTheFirstCacheLine() {
        #expect(MSpan.recordByteCount % 64 == 0)
        #expect(MemoryLayout<MSpan>.size <= MSpan.recordByteCount)
        let memory = UnsafeMutableRawPointer.allocate(byteCount: MSpan.recordByteCount, alignment: 64)
        defer { memory.deallocate() }
        memory.initializeMemory(as: UInt8.self, repeating: 0, count: MSpan.recordByteCount)
        let span = memory.assumingMemoryBound(to: MSpan.self)
        span.pointee.startAddress = ~0
        span.pointee.limit = ~0
        span.pointee.elemSize = ~0
        span.pointee.gcmarkBits = UnsafeMutablePointer(bitPattern: ~0)
        span.pointee.allocCache = ~0
        span.pointee.freeIndex = ~0
        span.pointee.divMul = ~0
        span.pointee.divShift = 0xFF
        span.pointee.divShift2 = 0xFF
        span.pointee.spanClass = SpanClass(rawValue: 0xFF)
        span.pointee.needZero = true
        span.setState(.manual)
        let bytes = UnsafeRawBufferPointer(start: memory, count: MSpan.recordByteCount)
        #expect(bytes[0..<8].allSatisfy { $0 == 0 })  // The link.
        #expect(bytes[64...].allSatisfy { $0 == 0 })
    }

    @Test func recordsBeginCacheLines() throws {
        let fixture = try HeapFixture()
        for _ in 0..<200 {
            let record = fixture.withLock { fixture.raw.allocSpanRecord(nil) }
            #expect(record.map { UInt(bitPattern: $0) % 64 } == 0)
        }
    }
}
