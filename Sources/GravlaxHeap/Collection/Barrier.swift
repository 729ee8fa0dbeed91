// The write barrier: Go's hybrid of deletion and insertion. While it is on, a
// store records the value it overwrites and the value it writes (INV-36); a full buffer
// is flushed by greying them. Off, it costs one load and one branch.

import Synchronization

extension Mutator {
    /// 0 while stores need no barrier, else 0x80: for a client that compares a byte which never has this bit (an object's
    /// kind, say) before it stores. With this bit added one comparison tells both, and where it holds the store may be a
    /// plain one. Good until the next safepoint.
    @inlinable @inline(__always)
    public var barrierBit: UInt64 { state.pointee.barrier }

    /// Stores a word into a heap slot, or into a mutable root outside stacks.
    @inlinable @inline(__always)
    public func store(_ word: UInt64, to slot: UnsafeMutablePointer<UInt64>) {
        // Two stores, so that nothing has to be kept over the call.
        if _slowPath(state.pointee.barrier != 0) {
            state.storeSlow(word, slot)
        } else {
            slot.pointee = word
        }
    }

    /// Announces that the `count` slots are about to be permuted, overwritten with what others of them hold, or cleared:
    /// shades what they hold now. Markers may read the slots meanwhile, so that what follows are atomic stores.
    @inlinable @inline(__always)
    public func willBulkStore(destination: UnsafeMutablePointer<UInt64>, count: Int) {
        if _slowPath(state.pointee.barrier != 0) {
            state.recordSlots(destination, count: count)
        }
    }

    /// Has the object that `word` refers to marked in this cycle, if one is running: for a reference that goes from one
    /// mutator's roots to another's, or came from anywhere but the heap and its own roots.
    @inlinable @inline(__always)
    public func shade(_ word: UInt64) {
        if _slowPath(state.pointee.barrier != 0) { state.shadeSlow(word) }
    }

    /// Copies `count` words between heap slots; the ranges may overlap.
    @inlinable @inline(__always)
    public func bulkStore(
        from source: UnsafePointer<UInt64>, to destination: UnsafeMutablePointer<UInt64>, count: Int
    ) {
        if _slowPath(state.pointee.barrier != 0) {
            state.bulkStoreSlow(source, destination, count: count)
        } else {
            destination.update(from: source, count: count)
        }
    }

    /// Stores the same word into `count` heap slots: clears them, usually.
    @inlinable @inline(__always)
    public func bulkFill(_ word: UInt64, to destination: UnsafeMutablePointer<UInt64>, count: Int) {
        if _slowPath(state.pointee.barrier != 0) {
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

extension UnsafeMutablePointer where Pointee == MutatorState {
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
        // What is about to be stored is among what is there: one record stands for both.
        if pointee.heap.isDisabled([.deletionBarrier, .insertionBarrier]) { return }
        for index in 0..<count { record((slots + index).current) }
    }

    @usableFromInline @inline(never)
    package func shadeSlow(_ word: UInt64) { record(word) }

    @usableFromInline @inline(never)
    package func recordStore(_ word: UInt64, _ slot: UnsafeMutablePointer<UInt64>) {
        let heap = pointee.heap
        if !heap.isDisabled(.deletionBarrier) { record(slot.current) }
        if !heap.isDisabled(.insertionBarrier) { record(word) }
    }

    /// Has a word's object marked in this cycle. The barrier is on.
    package func record(_ word: UInt64) {
        let encoding = pointee.heap.pointee.configuration.encoding
        if word & encoding.mask != encoding.match || word & encoding.addressMask == 0 { return }
        if pointee.barrierCount == MutatorState.barrierCapacity { flushBarrier() }
        pointee.barrierBuffer[pointee.barrierCount] = word
        pointee.barrierCount = pointee.barrierCount + 1
    }

    /// Greys what the buffer holds, for other markers to go on with. When it is full, at safepoints, and as the mutator
    /// closes.
    package func flushBarrier() {
        if pointee.barrierCount == 0 { return }
        pointee.heap.enterMarking()
        _ = flushBarrier(to: pointee.marker)
        leaveMarking()
    }

    /// Greys what the buffer holds with somebody's marker. True if any of it was not marked yet. By the mutator, or with
    /// the world stopped.
    func flushBarrier(to worker: UnsafeMutablePointer<MarkWorker>) -> Bool {
        let heap = pointee.heap
        let addressMask = heap.pointee.configuration.encoding.addressMask
        var isAnyNew = false
        for index in 0..<pointee.barrierCount {
            let address = UInt(pointee.barrierBuffer[index] & addressMask)
            guard let (_, span, object) = heap.findObject(address), !span.isMarked(object) else { continue }
            worker.pointee.mark(address: address)
            isAnyNew = true
        }
        pointee.barrierCount = 0
        return isAnyNew
    }
}
