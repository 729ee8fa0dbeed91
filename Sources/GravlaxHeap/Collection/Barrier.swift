// The write barrier: Go's hybrid of deletion and insertion. While it is on, a
// store records the value it overwrites and the value it writes; a full buffer
// is flushed by greying them. Off, it costs one load and one branch.

import Synchronization

extension Mutator {
    /// Stores a word into a heap slot, or into a mutable root outside stacks.
    @inlinable @inline(__always)
    public func store(_ word: UInt64, to slot: UnsafeMutablePointer<UInt64>) {
        // Two stores, so that nothing has to be kept over the call.
        if _slowPath(state.pointee.barrier.load(ordering: .relaxed) != 0) {
            state.storeSlow(word, slot)
        } else {
            slot.pointee = word
        }
    }

    /// Announces that `count` slots are about to be overwritten, moved or
    /// cleared with plain stores: shades what they hold now.
    @inlinable @inline(__always)
    public func willBulkStore(destination: UnsafeMutablePointer<UInt64>, count: Int) {
        if _slowPath(state.pointee.barrier.load(ordering: .relaxed) != 0) {
            for index in 0..<count { state.recordStore(destination[index], destination + index) }
        }
    }

    /// Copies `count` words between heap slots; the ranges may overlap.
    @inlinable @inline(__always)
    public func bulkStore(
        from source: UnsafePointer<UInt64>, to destination: UnsafeMutablePointer<UInt64>, count: Int
    ) {
        if _slowPath(state.pointee.barrier.load(ordering: .relaxed) != 0) {
            for index in 0..<count { state.recordStore(source[index], destination + index) }
        }
        destination.update(from: source, count: count)
    }
}

extension UnsafeMutablePointer where Pointee == MutatorState {
    @usableFromInline @inline(never)
    package func storeSlow(_ word: UInt64, _ slot: UnsafeMutablePointer<UInt64>) {
        recordStore(word, slot)
        slot.pointee = word
    }

    @usableFromInline @inline(never)
    package func recordStore(_ word: UInt64, _ slot: UnsafeMutablePointer<UInt64>) {
        if pointee.barrierCount + 2 > MutatorState.barrierCapacity { flushBarrier() }
        pointee.barrierBuffer[pointee.barrierCount] = slot.pointee
        pointee.barrierBuffer[pointee.barrierCount + 1] = word
        pointee.barrierCount = pointee.barrierCount + 2
    }

    /// Greys what the buffer holds. When full, at safepoints, and at mark termination.
    package func flushBarrier() {
        if pointee.barrierCount == 0 { return }
        var worker = MarkWorker(pointee.heap)
        for index in 0..<pointee.barrierCount { worker.mark(word: pointee.barrierBuffer[index]) }
        pointee.barrierCount = 0
        worker.destroy()
    }
}
