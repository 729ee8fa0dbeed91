// How much memory a heap keeps: what it will need until the next cycle ends, and
// a tenth more. What it holds beyond that goes back to the system, a little at a
// time in the background, and at once where the heap grows.

import Synchronization

extension UnsafeMutablePointer where Pointee == MHeap {
    /// Bytes of heap pages, in use or not, that the system does not have.
    package var retainedByteCount: UInt {
        // The later reading first: growing raises both, this one last.
        let released = pointee.statistics.heapReleased.byteCount
        let sys = pointee.statistics.heapSys.byteCount
        return UInt(sys - Swift.min(released, sys))
    }

    /// What to retain when the heap's goal moves from `lastGoal` to `goal`, all in bytes: as much as is in use when a
    /// cycle ends, which says how much larger than its objects the heap is, in proportion to the goals; and a tenth more.
    /// `UInt.max` if that is beyond all memory.
    ///
    /// - Source: Go 1.14 mgcscavenge.go, gcPaceScavenger.
    package static func retainedGoal(heapInUse: UInt64, goal: UInt64, lastGoal: UInt64) -> UInt {
        if lastGoal == 0 { return .max }
        let retained = Double(heapInUse) * (Double(goal) / Double(lastGoal))
        // Pages are counted in 48 bits of addresses.
        if !(retained < Double(PageGeometry.addressLimit)) { return .max }
        let bytes = UInt(retained)
        return alignUp(bytes + bytes / 10, OSMemory.pageByteCount)
    }

    /// Sets the scavenger's goal at the end of a cycle, once the heap's goal has moved from `lastGoal` to `goal`, and
    /// sends it to the top of the heap. World stopped, nothing swept yet.
    ///
    /// - Source: Go 1.14 mgcscavenge.go, gcPaceScavenger.
    package func paceScavenger(goal: UInt64, lastGoal: UInt64) {
        pointee.scavengeBasisInUse.store(pointee.statistics.heapInUse.byteCount, ordering: .relaxed)
        pointee.scavengeBasisGoal.store(lastGoal, ordering: .relaxed)
        repaceScavenger(goal: goal)
    }

    /// The same when the heap's goal moves between two cycles: what was in use when the last one ended still counts. So
    /// that a memory limit is kept, no more is retained than five percent below what it leaves to the heap's pages.
    package func repaceScavenger(goal: UInt64) {
        var retain = Self.retainedGoal(
            heapInUse: pointee.scavengeBasisInUse.load(ordering: .relaxed), goal: goal,
            lastGoal: pointee.scavengeBasisGoal.load(ordering: .relaxed))
        let retained = retainedByteCount
        let limit = pointee.pacer.memoryLimit
        if limit != .max {
            let ready = pointee.statistics.readyBytes
            let beside = ready - Swift.min(ready, UInt64(retained))
            let usable = limit - limit / 20
            retain = Swift.min(retain, UInt(usable - Swift.min(usable, beside)))
        }
        let hasWork = retained > retain && retained - retain >= OSMemory.pageByteCount
        pointee.scavengeGoal.store(hasWork ? retain : .max, ordering: .relaxed)
        pointee.lock.withLock { pointee.pages.scavengeStartGeneration() }
    }
}
