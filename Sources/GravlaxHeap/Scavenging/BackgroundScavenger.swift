// The scavenger that works beside the program: one step, then rest for as long
// as keeps it to a hundredth of one processor.

import Glibc
import Synchronization

/// The background scavenger of one heap. `wake` after each flip.
///
///     wake ─▶ sweep done? ──yes──▶ step ─▶ above the goal? ──no──▶ end
///                 │no                ▲          │yes
///                 ▼                  │          ▼
///              later            rest 99 times as long as that took
///
/// It waits for the sweep, since before its end most of what is going to be free is not; then it goes once from the top
/// of the heap to the bottom. A step is a participant of stops: the world does not stop in the middle of one.
final class BackgroundScavenger: Sendable {
    private let heapBits: UInt
    private let task: BackgroundTask

    /// Bytes of a step.
    private static let stepByteCount: UInt = 256 << 10
    /// Of 100 parts of one processor's time, those that it may take.
    private static let percent: UInt64 = 1
    /// Nanoseconds that it takes to be called for a step.
    private static let wakeCost: UInt64 = 20_000

    init(_ heap: MHeapRef) {
        let heapBits = UInt(bitPattern: heap)
        self.heapBits = heapBits
        // The generation whose sweep was over when the scavenger last went to the top.
        let generation = Atomic<UInt32>(heap.sweepgen)
        task = BackgroundTask(label: "gravlax.scavenger") { task in
            let heap = MHeapRef(bitPattern: heapBits).unsafelyUnwrapped
            if heap.retainedByteCount <= heap.pointee.scavengeGoal.load(ordering: .relaxed) { return }
            guard heap.pointee.world.tryEnter() else { return task.post(after: .milliseconds(2)) }
            // Inside, since from here on no flip begins another sweep.
            guard heap.isSweepDone else {
                heap.pointee.world.leave()
                return task.post(after: .milliseconds(20))
            }
            let began = processorNanoseconds()
            let current = heap.sweepgen
            if generation.exchange(current, ordering: .relaxed) != current {
                heap.pointee.lock.withLock { heap.pointee.pages.scavengeStartGeneration() }
            }
            let released = heap.scavengeStep(Self.stepByteCount)
            let spent = processorNanoseconds() - began + Self.wakeCost
            heap.pointee.world.leave()
            if released == 0 { return }
            task.post(after: .nanoseconds(Int(spent * (100 / Self.percent - 1))))
        }
    }

    /// Calls for it if there is a goal: a heap that gives nothing back has no use for the thread.
    func wake() {
        let heap = MHeapRef(bitPattern: heapBits).unsafelyUnwrapped
        if heap.pointee.scavengeGoal.load(ordering: .relaxed) != .max { task.post() }
    }

    func stop() { task.stop() }
}

extension UnsafeMutablePointer where Pointee == MHeap {
    /// Releases up to so many bytes of what the heap holds beyond its goal, not counting the rest of a huge page; when
    /// nothing of it is left, the chunk that it has prepared. The heap lock is open while the system works on pages.
    /// Returns the bytes.
    package func scavengeStep(_ byteCount: UInt) -> UInt {
        let goal = pointee.scavengeGoal.load(ordering: .relaxed)
        let retained = retainedByteCount
        if retained <= goal { return 0 }
        let released = scavenge(byteCount: Swift.min(byteCount, retained - goal), .background)
        return released > 0 ? released : pointee.lock.withLock { releasePrepared() }
    }
}

/// Nanoseconds that the calling thread has run.
private func processorNanoseconds() -> UInt64 {
    var time = timespec()
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
}
