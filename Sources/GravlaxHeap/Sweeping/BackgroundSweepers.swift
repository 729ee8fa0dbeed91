// Sweepers on threads of their own, called for by each flip.

import Synchronization

/// The background sweepers of one heap. `wake` after each flip.
///
/// Each sweeps until nothing is left. Between two batches it steps aside when the world is to stop, and comes back later
/// by itself. On a machine whose processors all have something to do it only sweeps a little now and then: those who
/// allocate sweep what they need, and finish sooner without its company.
final class BackgroundSweepers: Sendable {
    private let tasks: [BackgroundTask]

    /// Spans swept between two looks at whether the world is to stop.
    private static let batch = 16
    /// Milliseconds that a sweeper stays away when it is not wanted.
    private static let pause = 1

    init(_ heap: MHeapRef, count: Int) {
        let heapBits = UInt(bitPattern: heap)
        tasks = (0..<max(0, count)).map { number in
            BackgroundTask(label: "gravlax.sweeper.\(number)") { task in
                Self.sweep(MHeapRef(bitPattern: heapBits).unsafelyUnwrapped, EventTrack(.sweeper, number), task)
            }
        }
    }

    func wake() {
        for task in tasks { task.post() }
    }

    /// Ends all sweeping and waits for it.
    func stop() {
        for task in tasks { task.stop() }
    }

    private static func sweep(_ heap: MHeapRef, _ track: EventTrack, _ task: BackgroundTask) {
        while !task.isStopped, heap.pointee.sweepDone.load(ordering: .acquiring) == 0 {
            guard heap.pointee.world.tryEnter() else { return task.post(after: .milliseconds(pause)) }
            let isCrowded = heap.pointee.world.runningCount > Processors.count
            let hasMore = heap.sweepBatch(nil, spans: batch, track: track)
            heap.pointee.world.leave()
            if heap.pointee.specials.hasDue { heap.pointee.world.requestPoll(.dueCalls) }
            if isCrowded, hasMore { return task.post(after: .milliseconds(pause)) }
        }
    }
}
