// The counters that the heap keeps as it works. Names are Go's `memstats` in
// Swift case; the identities between them stand at `HeapStatistics`.

import Synchronization

/// Cells of the counters; a thin pointer to a record in system memory.
/// Every cell may be changed by any thread; `SystemStatistic` traps on going below zero.
package struct HeapCounters {
    let cells: UnsafeMutableRawPointer

    static let byteCount = 4096

    /// `memory` is `byteCount` zero bytes that outlive the counters.
    init(at memory: UnsafeMutableRawPointer) { cells = memory }

    @inline(__always)
    private func cell(_ index: Int) -> UnsafeMutablePointer<Atomic<UInt64>> {
        (cells + 64 * index).assumingMemoryBound(to: Atomic<UInt64>.self)
    }
    private func bytes(_ index: Int) -> SystemStatistic { SystemStatistic(cell(index)) }

    /// Bytes of address space that hold or may hold heap spans: `heapInUse + heapIdle`.
    package var heapSys: SystemStatistic { bytes(0) }
    /// The in-use spans.
    package var inUseSpans: InUseSpans { InUseSpans(cell(1)) }
    /// Bytes in in-use spans.
    package var heapInUse: ByteCount {
        ByteCount(byteCount: UInt64(inUseSpans.pageCount) << UInt64(HeapConstants.pageShift))
    }
    /// Bytes of free pages, whether or not the system has them back. 0 at least, while others change both parts.
    package var heapIdle: ByteCount {
        let inUse = heapInUse.byteCount
        return ByteCount(byteCount: Swift.max(heapSys.byteCount, inUse) - inUse)
    }
    /// Bytes of free pages that the system has.
    package var heapReleased: SystemStatistic { bytes(3) }
    /// Bytes in manual spans that hold stacks.
    package var stacksInUse: SystemStatistic { bytes(4) }
    /// Bytes of all metadata.
    package var metadata: SystemStatistic { bytes(5) }
    /// Bytes of mark and alloc bits.
    package var markBits: SystemStatistic { bytes(6) }
    /// Bytes of grey work buffers.
    package var workBuffers: SystemStatistic { bytes(7) }
    /// Bytes of the span records' and arena records' own memory.
    package var spanRecords: SystemStatistic { bytes(8) }

    /// Bytes of objects allocated since, or live at, the last cycle; cached spans count whole (INV-31).
    package var heapLive: UnsafeMutablePointer<Atomic<UInt64>> { cell(9) }
    package var nextGC: UnsafeMutablePointer<Atomic<UInt64>> { cell(10) }
    package var cycles: UnsafeMutablePointer<Atomic<UInt64>> { cell(11) }
    package var largeAllocBytes: UnsafeMutablePointer<Atomic<UInt64>> { cell(12) }
    package var largeAllocCount: UnsafeMutablePointer<Atomic<UInt64>> { cell(13) }
    package var largeFreeBytes: UnsafeMutablePointer<Atomic<UInt64>> { cell(14) }
    package var largeFreeCount: UnsafeMutablePointer<Atomic<UInt64>> { cell(15) }
    package var tinyAllocCount: UnsafeMutablePointer<Atomic<UInt64>> { cell(16) }
    /// Bytes found live by the last mark.
    package var heapMarked: UnsafeMutablePointer<Atomic<UInt64>> { cell(17) }
    /// The part of `heapLive` in spans with pointers, in bytes.
    package var heapScan: UnsafeMutablePointer<Atomic<UInt64>> { cell(20) }
    package var pauseTotal: UnsafeMutablePointer<Atomic<UInt64>> { cell(18) }
    package var pauseMax: UnsafeMutablePointer<Atomic<UInt64>> { cell(19) }

    /// Bytes of the heap when the last sweep ended, and the slope (a Double's bits) that it was paced with.
    package var sweepEndLive: UnsafeMutablePointer<Atomic<UInt64>> { cell(27) }
    package var sweepSlope: UnsafeMutablePointer<Atomic<UInt64>> { cell(28) }
    /// Nanoseconds of sweeping that no allocation was charged with.
    package var sweepTime: UnsafeMutablePointer<Atomic<UInt64>> { cell(29) }
    /// Bytes ever given back to the system.
    package var scavengedBytes: UnsafeMutablePointer<Atomic<UInt64>> { cell(30) }
    /// How often the heap lock was taken to free what a sweep found dead.
    package var spanFreeLockings: UnsafeMutablePointer<Atomic<UInt64>> { cell(31) }

    private var classCounts: UnsafeMutablePointer<Atomic<UInt64>> {
        (cells + 2048).assumingMemoryBound(to: Atomic<UInt64>.self)
    }
    /// Objects handed out of spans of a size class. Mutators count by themselves at first (`flushLocalCounts`); exact
    /// while no span is cached.
    package func smallAllocCount(_ sizeClass: Int) -> UnsafeMutablePointer<Atomic<UInt64>> { classCounts + sizeClass }
    /// Objects of a size class that sweeping freed.
    package func smallFreeCount(_ sizeClass: Int) -> UnsafeMutablePointer<Atomic<UInt64>> { classCounts + 68 + sizeClass }

    /// What a budget is held against: memory that is ready to use. For the pointer bitmap it counts the part that
    /// belongs to ready pages, two bits for each word; tables over all addresses are nearly untouched and do not count.
    package var readyBytes: UInt64 {
        // Growing raises both, the second after the first: a reading from in between would be 64 MiB off.
        var released = heapReleased.byteCount
        var sys = heapSys.byteCount
        while released != heapReleased.byteCount {
            released = heapReleased.byteCount
            sys = heapSys.byteCount
        }
        let heap = sys - min(released, sys)
        return heap + heap / 32 + stacksInUse.byteCount + markBits.byteCount + workBuffers.byteCount
            + spanRecords.byteCount
    }
}

/// A number of bytes that follows from other counters.
package struct ByteCount: Equatable {
    package let byteCount: UInt64
}

/// How much the in-use spans are, all in one cell, so that a span that comes or goes costs one atomic operation, not
/// one for each figure:
///
///     63                          30 29           0
///     │ words of mark bits they take │ their pages │       up to 2^30 pages: 8 TiB
package struct InUseSpans {
    package static let pageBits: UInt64 = 30
    package let cell: UnsafeMutablePointer<Atomic<UInt64>>

    init(_ cell: UnsafeMutablePointer<Atomic<UInt64>>) { self.cell = cell }

    private func weight(_ span: MSpanRef) -> UInt64 {
        UInt64(span.markBitByteCount / 8) << Self.pageBits | UInt64(span.pointee.pageCount)
    }

    func add(_ span: MSpanRef) { cell.add(weight(span)) }
    func subtract(_ span: MSpanRef) { cell.subtract(weight(span)) }

    package var pageCount: UInt { UInt(cell.value & (1 << Self.pageBits - 1)) }
    /// Bytes of mark bits that sweeping all of them takes: what a cycle reserves.
    package var markBitByteCount: Int { Int(cell.value >> Self.pageBits) * 8 }
}

extension UnsafeMutablePointer where Pointee == Atomic<UInt64> {
    @inline(__always) package var value: UInt64 { pointee.load(ordering: .relaxed) }
    @inline(__always) package func set(_ value: UInt64) { pointee.store(value, ordering: .relaxed) }
    @inline(__always) package func add(_ amount: UInt64) { pointee.wrappingAdd(amount, ordering: .relaxed) }
    @inline(__always) package func subtract(_ amount: UInt64) { pointee.wrappingSubtract(amount, ordering: .relaxed) }
}
