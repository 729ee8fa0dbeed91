/// Records of one size, from slabs of persistent memory.
///
/// For the heap's own records (spans, caches, specials). Freed records are used again and keep their type; the slabs
/// go back to the system with the heap. Whoever owns the pool locks around all of this.
///
/// - Source: Go 1.14 mfixalloc.go.
package struct FixedAllocator {
    /// Called with `context` and a record the first time that the record is handed out.
    /// False: something it needs was refused, and the record is not handed out.
    package typealias FirstUse =
        @convention(c) (_ context: UnsafeMutableRawPointer?, _ record: UnsafeMutableRawPointer) -> Bool

    private struct FreeRecord {
        var next: UnsafeMutablePointer<FreeRecord>?
    }

    /// Bytes a slab has at most.
    package static let slabByteCount: UInt = 16 << 10

    package let recordByteCount: UInt
    private let slabUsableByteCount: UInt
    private let alignment: UInt
    private let zeroing: Bool
    private let firstUse: FirstUse?
    private let context: UnsafeMutableRawPointer?
    private let memory: OSMemory
    private let statistic: SystemStatistic
    private var freeList: UnsafeMutablePointer<FreeRecord>?
    private var slabFree: UInt = 0
    private var slabRest: UInt = 0
    /// Bytes in records handed out and not freed.
    package private(set) var inUseByteCount: UInt = 0

    /// - Parameters:
    ///   - recordByteCount: 1 to 16 KiB; rounded up to a multiple of `alignment`.
    ///   - alignment: of each record: a power of two from 8 up.
    ///   - zeroing: clear records that are used again. Fresh ones are always zero when `firstUse` sees them.
    package init(
        recordByteCount: Int, alignment: UInt = 8, memory: OSMemory, statistic: SystemStatistic, zeroing: Bool = true,
        context: UnsafeMutableRawPointer? = nil, firstUse: FirstUse? = nil
    ) {
        if recordByteCount <= 0 || recordByteCount > Int(Self.slabByteCount) {
            fatal("a fixed-size record has a bad size", ("bytes", UInt(bitPattern: recordByteCount)))
        }
        self.recordByteCount = alignUp(UInt(recordByteCount), alignment)
        self.alignment = alignment
        slabUsableByteCount = Self.slabByteCount / self.recordByteCount * self.recordByteCount
        self.memory = memory
        self.statistic = statistic
        self.zeroing = zeroing
        self.context = context
        self.firstUse = firstUse
    }

    /// Nil when the system, or the hook, refuses.
    package mutating func allocate() -> UnsafeMutableRawPointer? {
        if let record = freeList {
            freeList = record.pointee.next
            inUseByteCount += recordByteCount
            let raw = UnsafeMutableRawPointer(record)
            if zeroing { raw.initializeMemory(as: UInt8.self, repeating: 0, count: Int(recordByteCount)) }
            return raw
        }
        if slabRest < recordByteCount {
            guard let slab = memory.allocatePersistent(
                byteCount: slabUsableByteCount, alignment: alignment, statistic: statistic)
            else { return nil }
            slabFree = UInt(bitPattern: slab)
            slabRest = slabUsableByteCount
        }
        let record = UnsafeMutableRawPointer(bitPattern: slabFree)!
        if let firstUse, !firstUse(context, record) { return nil }
        slabFree += recordByteCount
        slabRest -= recordByteCount
        inUseByteCount += recordByteCount
        return record
    }

    /// Takes a record back; its first word is overwritten.
    package mutating func free(_ record: UnsafeMutableRawPointer) {
        inUseByteCount -= recordByteCount
        let link = record.bindMemory(to: FreeRecord.self, capacity: 1)
        link.initialize(to: FreeRecord(next: freeList))
        freeList = link
    }
}
