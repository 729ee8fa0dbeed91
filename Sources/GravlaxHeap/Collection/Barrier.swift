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

    /// Announces that the `count` slots are about to be permuted, overwritten with what others of them hold, or cleared:
    /// shades what they hold now. Markers may read the slots meanwhile, so that what follows are atomic stores.
    @inlinable @inline(__always)
    public func willBulkStore(destination: UnsafeMutablePointer<UInt64>, count: Int) {
        if _slowPath(state.pointee.barrier.load(ordering: .relaxed) != 0) {
            state.recordSlots(destination, count: count)
        }
    }

    /// Copies `count` words between heap slots; the ranges may overlap.
    @inlinable @inline(__always)
    public func bulkStore(
        from source: UnsafePointer<UInt64>, to destination: UnsafeMutablePointer<UInt64>, count: Int
    ) {
        if _slowPath(state.pointee.barrier.load(ordering: .relaxed) != 0) {
            state.bulkStoreSlow(source, destination, count: count)
        } else {
            destination.update(from: source, count: count)
        }
    }

    /// Stores the same word into `count` heap slots: clears them, usually.
    @inlinable @inline(__always)
    public func bulkFill(_ word: UInt64, to destination: UnsafeMutablePointer<UInt64>, count: Int) {
        if _slowPath(state.pointee.barrier.load(ordering: .relaxed) != 0) {
            for index in 0..<count { state.storeSlow(word, destination + index) }
        } else {
            destination.update(repeating: word, count: count)
        }
    }
}

extension UnsafeMutablePointer where Pointee == UInt64 {
    /// Writes a slot that markers may be reading. What was written before, an object's first words among it, is there
    /// for a marker that finds the word.
    @inline(__always)
    fileprivate func publish(_ word: UInt64) {
        UnsafeRawPointer(self).assumingMemoryBound(to: Atomic<UInt64>.self).pointee.store(word, ordering: .releasing)
    }

    /// What the slot holds; another mutator may be writing it.
    @inline(__always)
    fileprivate var current: UInt64 {
        UnsafeRawPointer(self).assumingMemoryBound(to: Atomic<UInt64>.self).pointee.load(ordering: .relaxed)
    }
}

extension Mutator {
    /// Keeps what a word refers to alive through the mark in progress, if there is one: for a reference that this
    /// mutator's roots got from anywhere but the heap and its own roots.
    @inlinable @inline(__always)
    public func shade(_ word: UInt64) {
        if _slowPath(state.pointee.barrier.load(ordering: .relaxed) != 0) { state.recordShade(word) }
    }
}

extension UnsafeMutablePointer where Pointee == MutatorState {
    @usableFromInline @inline(never)
    package func recordShade(_ word: UInt64) {
        if pointee.barrierCount == MutatorState.barrierCapacity { flushBarrier() }
        pointee.barrierBuffer[pointee.barrierCount] = word
        pointee.barrierCount = pointee.barrierCount + 1
    }

    @usableFromInline @inline(never)
    package func storeSlow(_ word: UInt64, _ slot: UnsafeMutablePointer<UInt64>) {
        recordStore(word, slot)
        slot.publish(word)
    }

    @usableFromInline @inline(never)
    package func bulkStoreSlow(
        _ source: UnsafePointer<UInt64>, _ destination: UnsafeMutablePointer<UInt64>, count: Int
    ) {
        let source = UnsafeMutablePointer<UInt64>(mutating: source)
        // Towards the end that the ranges do not share, so that each word is read before it is overwritten.
        if destination > source {
            for index in stride(from: count - 1, through: 0, by: -1) {
                storeSlow((source + index).current, destination + index)
            }
        } else {
            for index in 0..<count { storeSlow((source + index).current, destination + index) }
        }
    }

    @usableFromInline @inline(never)
    package func recordSlots(_ slots: UnsafeMutablePointer<UInt64>, count: Int) {
        for index in 0..<count { recordStore((slots + index).current, slots + index) }
    }

    @usableFromInline @inline(never)
    package func recordStore(_ word: UInt64, _ slot: UnsafeMutablePointer<UInt64>) {
        if pointee.barrierCount + 2 > MutatorState.barrierCapacity { flushBarrier() }
        pointee.barrierBuffer[pointee.barrierCount] = slot.current
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
