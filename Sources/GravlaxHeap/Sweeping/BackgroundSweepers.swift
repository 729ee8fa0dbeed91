// Sweepers on Dispatch threads. Each has a serial queue of its own: nothing
// that can block runs on a shared pool. A sweeper with nothing to do returns
// from its block; it never sleeps in one.

import Dispatch
import Synchronization

/// The background sweepers of one heap. `wake` after each flip.
final class BackgroundSweepers: Sendable {
    private let heapBits: UInt
    private let queues: [DispatchQueue]
    /// Set once, when the heap goes away.
    private let stopped = Atomic<Bool>(false)

    /// Spans swept between two looks at whether the world is to stop.
    private static let batch = 16

    init(_ heap: MHeapRef, count: Int) {
        heapBits = UInt(bitPattern: heap)
        queues = (0..<max(0, count)).map { DispatchQueue(label: "gravlax.sweeper.\($0)") }
    }

    func wake() {
        for queue in queues { queue.async { [self] in run() } }
    }

    /// Ends all sweeping and waits for it.
    func stop() {
        stopped.store(true, ordering: .sequentiallyConsistent)
        for queue in queues { queue.sync {} }
    }

    /// Sweeps until nothing is left, stepping aside between batches when the
    /// world is to stop: the cycle that stops it sweeps the rest itself.
    private func run() {
        let heap = MHeapRef(bitPattern: heapBits).unsafelyUnwrapped
        while !stopped.load(ordering: .relaxed) {
            guard heap.pointee.world.tryEnter() else { return }
            var more = true
            for _ in 0..<Self.batch where more { more = heap.sweepOne(nil) != nil }
            heap.pointee.world.leave()
            if !more { return }
        }
    }
}
