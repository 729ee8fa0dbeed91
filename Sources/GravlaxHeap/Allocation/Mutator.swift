// A thread's allocation context: Go's P as far as memory goes. One thread at a
// time uses a mutator; the collector touches it only while the world is stopped.

import Synchronization

@usableFromInline package typealias MutatorRef = UnsafeMutablePointer<MutatorState>

/// Why a mutator should come to a safepoint.
package struct PollReason: OptionSet, Sendable {
    package let rawValue: UInt32
    package init(rawValue: UInt32) { self.rawValue = rawValue }
    /// Somebody stops the world.
    package static let stop = PollReason(rawValue: 1)
    /// A cycle is due.
    package static let collect = PollReason(rawValue: 2)
    /// Finalizers or cleanups are due.
    package static let dueCalls = PollReason(rawValue: 4)
    /// Marking began: the mutator's roots are to be visited.
    package static let scan = PollReason(rawValue: 8)
    /// The mutator's owner asked for it. Only the owner withdraws it.
    package static let owner = PollReason(rawValue: 16)
}

/// The state behind a `Mutator`, in system memory. Owned by the mutator's
/// thread, except where a field says otherwise.
///
///     0 ─ the fields ─ 1024 ─ cache ─ records of spans ─ 3200 ─ noscanClasses ─ 4096 ─ barrierBuffer ─
///     6144 ─ smallAllocs ─ 6720 ─ marker ─ 7168 ─ the marker's ring ─ 8192
@usableFromInline package struct MutatorState: ~Copyable {
    /// `PollReason` bits. Set by anybody, read relaxed by the owner.
    @usableFromInline package let poll: Atomic<UInt32>
    /// 0, or `barrierBit` while the write barrier is on. Written while the world is stopped or nobody sees the mutator,
    /// and by the owner as it closes: the owner's own loads need no ordering and are no atomics, so that they can be part
    /// of another instruction.
    @usableFromInline package var barrier: UInt64
    /// The span that each span class allocates from; an empty one where there is none.
    @usableFromInline package let cache: UnsafeMutablePointer<MSpanRef>
    @usableFromInline package let heap: MHeapRef
    /// The span class for n bytes without pointers, n ≤ `maxClearedNoScan`, at index (n + 7) / 8.
    @usableFromInline package let noscanClasses: UnsafePointer<UInt8>

    /// The tiny block in use, 0 where there is none, and the first free byte in it.
    package var tiny: UInt
    package var tinyOffset: UInt
    package var tinyAllocs: UInt64
    /// Objects of each size class handed out since they were last added to the heap's counters; wraps below zero.
    package let smallAllocs: UnsafeMutablePointer<UInt64>

    package var pageCache: PageCache
    package let spanRecords: UnsafeMutablePointer<UInt>
    package var spanRecordCount: Int
    /// Records for specials, taken from the pool ahead of need.
    package var specialStock: SpecialRef?
    package var specialStockCount: Int
    /// The sweep generation for which this mutator's cache was last flushed.
    package var flushGeneration: UInt32
    /// Slow allocations until `stress` starts a cycle.
    package var stressCountdown: Int

    /// Old and new values that stores recorded while marking; a flush greys them.
    package let barrierBuffer: UnsafeMutablePointer<UInt64>
    package var barrierCount: Int
    /// What greys them, and marks when the mutator assists. Empty between two calls.
    package let marker: UnsafeMutablePointer<MarkWorker>
    /// Bytes that the mutator may still take before it must assist; below zero, its debt.
    package var assistCredit: Int
    /// Bytes of new objects that were marked as they were handed out, in this cycle.
    package var blackBytes: UInt64
    /// The part of them with pointers.
    package var blackScanBytes: UInt64
    /// Bytes that the last span for the cache counts as taken.
    package var refillBytes: UInt

    /// The roots were not visited in this cycle yet (INV-34). Set while the world is stopped, or before the mutator can be seen;
    /// cleared by the mutator while it runs, by a worker under the world's lock while it does not.
    package var needsScan: Bool
    /// A worker visits the roots. Under the world's lock.
    package var isBeingScanned: Bool

    /// nil while nothing is sampled.
    package let sampler: AllocationSampler?
    package let emptySpan: MSpanRef
    /// Its row in a trace; that of whoever uses the record next, too.
    package let track: EventTrack
    package let stalls: StallCounts
    /// Nanoseconds that the slow allocation in progress is charged with.
    package var assistStall: UInt64
    package var sweepStall: UInt64
    package var lockStall: UInt64
    /// Both outlive the mutator.
    package var roots: Unmanaged<AnyObject>?
    package var owner: Unmanaged<Collector>?
    /// Under the world's lock.
    package var nextMutator: MutatorRef?
    /// Neither at a safepoint nor outside. Under the world's lock.
    package var isRunning: Bool

    static let spanRecordCapacity = 128
    package static let barrierCapacity = 256
    package static let barrierBit: UInt64 = 0x80
    /// Sizes above a tiny object's up to which `noscanClasses` goes, in bytes.
    @usableFromInline static let noscanClassLimit = MSpan.maxClearedNoScan - HeapConstants.tinySize
    static let byteCount: UInt = 8192
}

extension UnsafeMutablePointer where Pointee == MutatorState {
    package func requestPoll(_ reason: PollReason) {
        pointee.poll.bitwiseOr(reason.rawValue, ordering: .relaxed)
    }

    package func withdrawPoll(_ reason: PollReason) {
        pointee.poll.bitwiseAnd(~reason.rawValue, ordering: .relaxed)
    }

    /// Makes a state in memory that lives as long as the heap; nil when the system refuses it.
    static func make(heap: MHeapRef) -> MutatorRef? {
        let metadata = heap.pointee.statistics.metadata
        // All zero: no free bit, no object, no window, so that every allocation from the empty span is slow.
        guard let empty = heap.pointee.memory.allocatePersistent(
            byteCount: UInt(MemoryLayout<MSpan>.stride), alignment: 64, statistic: metadata),
            let block = heap.pointee.memory.allocatePersistent(
                byteCount: MutatorState.byteCount, alignment: 64, statistic: metadata),
            let stalls = StallCounts(memory: heap.pointee.memory, statistic: metadata)
        else { return nil }
        var sampler: AllocationSampler? = nil
        if heap.pointee.configuration.profileByteCount > 0 {
            sampler = AllocationSampler(
                meanByteCount: heap.pointee.configuration.profileByteCount,
                seed: UInt64(heap.pointee.world.mutatorCount), memory: heap.pointee.memory, statistic: metadata)
            if sampler == nil { return nil }
        }
        let emptySpan = empty.assumingMemoryBound(to: MSpan.self)
        let cache = (block + 1024).bindMemory(to: MSpanRef.self, capacity: SpanClass.count)
        cache.initialize(repeating: emptySpan, count: SpanClass.count)
        let records = (block + 1024 + SpanClass.count * 8)
            .bindMemory(to: UInt.self, capacity: MutatorState.spanRecordCapacity)
        let classCount = MSpan.maxClearedNoScan / 8 + 1
        let classes = (block + 3200).bindMemory(to: UInt8.self, capacity: classCount)
        for index in 0..<classCount {
            classes[index] = SpanClass(SizeClass.fitting(Swift.max(1, index * 8)), noscan: true).rawValue
        }
        let smallAllocs = (block + 6144).bindMemory(to: UInt64.self, capacity: SizeClass.count)
        smallAllocs.initialize(repeating: 0, count: SizeClass.count)
        let barriers = (block + 4096).bindMemory(to: UInt64.self, capacity: MutatorState.barrierCapacity)
        let state = block.bindMemory(to: MutatorState.self, capacity: 1)
        let track = heap.pointee.events.makeMutatorTrack()
        let marker = (block + 6720).bindMemory(to: MarkWorker.self, capacity: 1)
        marker.initialize(to: MarkWorker(heap, ring: block + 7168, track: track))
        state.initialize(to: MutatorState(
            poll: Atomic(0), barrier: 0, cache: cache, heap: heap, noscanClasses: classes, tiny: 0,
            tinyOffset: 0, tinyAllocs: 0, smallAllocs: smallAllocs,
            pageCache: PageCache(), spanRecords: records, spanRecordCount: 0, specialStock: nil, specialStockCount: 0,
            flushGeneration: heap.sweepgen,
            stressCountdown: heap.pointee.configuration.debug.stress, barrierBuffer: barriers, barrierCount: 0,
            marker: marker, assistCredit: 0, blackBytes: 0, blackScanBytes: 0, refillBytes: 0, needsScan: false,
            isBeingScanned: false, sampler: sampler, emptySpan: emptySpan, track: track, stalls: stalls,
            assistStall: 0, sweepStall: 0, lockStall: 0, roots: nil, owner: nil, nextMutator: nil, isRunning: false))
        return state
    }
}

/// A thread's handle on a heap. Trivially copied; used by one thread at a time.
/// Valid until `close()`.
public struct Mutator {
    @usableFromInline package let state: MutatorRef

    package init(_ state: MutatorRef) { self.state = state }

    /// Whether `safepoint()` has something to do. One relaxed load: test it at
    /// loop back-edges, calls and after slow allocations.
    @inlinable @inline(__always)
    public var pollRequested: Bool { state.pointee.poll.load(ordering: .relaxed) != 0 }
}
