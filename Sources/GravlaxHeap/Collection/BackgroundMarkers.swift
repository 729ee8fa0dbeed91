// Markers on Dispatch threads. Each has a serial queue of its own. A marker
// that finds nothing to do looks around for some microseconds, and then returns
// from its block; whoever makes work calls `wake`.
//
// How many work at a time: as many as there are processors that no mutator runs
// on, but at least a quarter of all processors, which may come down to a share
// of one: then the marker returns when it has had its share, and has itself
// called again later.

import Dispatch
import Synchronization

/// The background markers of one heap.
final class BackgroundMarkers: @unchecked Sendable {
    private let heap: MHeapRef
    private let queues: [DispatchQueue]
    private let workers: [UnsafeMutablePointer<MarkWorker>]
    /// One flag for each worker: its block is queued and has not begun.
    private let isCalled: UnsafeMutablePointer<Atomic<Bool>>
    /// Set once, when the heap goes away.
    private let stopped = Atomic<Bool>(false)
    /// Ends a cycle, given that nothing seems to be left to mark. Set before the first wake.
    var endCycle: () -> Void = {}

    /// Grey objects between two looks at whether the world is to stop.
    private static let stretch = 512
    /// Looks for work before a worker returns.
    private static let spins = 4_000
    /// Nanoseconds that a fractional worker marks at a time, at least.
    private static let fractionalSlice: UInt64 = 200_000

    /// Nil when the system refuses what the workers need.
    init?(_ heap: MHeapRef, count: Int) {
        self.heap = heap
        var workers: [UnsafeMutablePointer<MarkWorker>] = []
        for index in 0..<max(0, count) {
            guard let worker = MarkWorker.make(heap, track: EventTrack(.marker, index)) else { return nil }
            workers.append(worker)
        }
        self.workers = workers
        queues = workers.indices.map { DispatchQueue(label: "gravlax.marker.\($0)") }
        isCalled = .allocate(capacity: max(1, workers.count))
        for index in workers.indices { (isCalled + index).initialize(to: Atomic(false)) }
    }

    deinit { isCalled.deallocate() }

    /// Workers that may mark now.
    private var wanted: Int {
        let pacer = heap.pointee.pacer
        let idle = pacer.processorCount - heap.pointee.world.runningMutators
        return min(workers.count, max(idle, pacer.dedicatedWorkers, pacer.fractionalGoal > 0 ? 1 : 0))
    }

    /// Has all wanted workers look for work. False if there are none at all.
    ///
    /// - Parameter own: a worker that is not called.
    @discardableResult
    func wake(except own: Int? = nil) -> Bool {
        for index in 0..<wanted where index != own { call(index) }
        return !workers.isEmpty
    }

    private func call(_ index: Int) {
        if isCalled[index].exchange(true, ordering: .acquiringAndReleasing) { return }
        queues[index].async { [self] in run(index) }
    }

    /// Ends all marking and waits for it.
    func stop() {
        stopped.store(true, ordering: .sequentiallyConsistent)
        for queue in queues { queue.sync {} }
        endCycle = {}
    }

    private func run(_ index: Int) {
        isCalled[index].store(false, ordering: .releasing)
        while !stopped.load(ordering: .relaxed), heap.isMarking, index < wanted {
            // Whoever stops the world calls us again.
            guard heap.pointee.world.tryEnter() else { return }
            if !heap.isMarking { return heap.pointee.world.leave() }
            let outcome = mark(index)
            heap.pointee.world.leave()
            if heap.pointee.world.isStopping { return }
            if outcome == .last || heap.looksDone { return endCycle() }
            if outcome == .enough {
                // What this worker had is anybody's now.
                if !heap.hasNothingToTake {
                    wake(except: index)
                    heap.pointee.world.notify()
                }
                return
            }
            guard waitForWork() else {
                if heap.looksDone { endCycle() }
                return
            }
        }
    }

    private enum Outcome {
        /// Nothing is left that this worker could take; or, it seems, at all.
        case dry, last
        /// The worker has had its share, or its processor is wanted.
        case enough
    }

    /// Marks until nothing is left to take, the world is to stop, or the worker has had enough.
    private func mark(_ index: Int) -> Outcome {
        let worker = workers[index]
        let pacer = heap.pointee.pacer
        let kind = Kind(index, pacer, heap.pointee.world.runningMutators)
        let began = monotonicNanoseconds()
        heap.enterMarking()
        var more = true
        var isOver = false
        var marked = 0
        while more, !isOver, !heap.pointee.world.isStopping, !stopped.load(ordering: .relaxed) {
            more = heap.markStretch(worker, units: Self.stretch)
            let work = worker.pointee.publish()
            marked += work
            heap.progress.pointee.backgroundCredit.wrappingAdd(work, ordering: .relaxed)
            if kind == .fractional { isOver = hasHadItsShare(index, began, pacer) }
            if kind == .idle { isOver = index >= wanted }
        }
        let isLast = heap.leaveMarking(worker)
        let ended = monotonicNanoseconds()
        heap.pointee.events.slice(.drain, worker.pointee.track, from: began, to: ended, UInt64(marked))
        let elapsed = ended - began
        switch kind {
        case .dedicated: pacer.state.pointee.dedicatedTime.wrappingAdd(elapsed, ordering: .relaxed)
        case .fractional: pacer.state.pointee.fractionalTime.wrappingAdd(elapsed, ordering: .relaxed)
        case .idle: pacer.state.pointee.idleTime.wrappingAdd(elapsed, ordering: .relaxed)
        }
        return isLast ? .last : isOver ? .enough : .dry
    }

    /// - Source: Go 1.14 mgc.go, gcMarkWorkerMode.
    private enum Kind {
        case dedicated, fractional, idle

        init(_ index: Int, _ pacer: Pacer, _ runningMutators: Int) {
            if index < pacer.dedicatedWorkers {
                self = .dedicated
            } else if index < pacer.processorCount - runningMutators {
                self = .idle
            } else {
                self = .fractional
            }
        }
    }

    /// Whether a fractional worker is ahead of its share of the cycle's time; then it is called again when it is not.
    private func hasHadItsShare(_ index: Int, _ began: UInt64, _ pacer: Pacer) -> Bool {
        let now = monotonicNanoseconds()
        if now - began < Self.fractionalSlice { return false }
        let share = pacer.fractionalGoal * Double(pacer.processorCount)
        let used = pacer.state.pointee.fractionalTime.load(ordering: .relaxed) + (now - began)
        let elapsed = now - pacer.state.pointee.markStart.load(ordering: .relaxed)
        let ahead = Double(used) / share - Double(elapsed)
        if ahead <= 0 { return false }
        queues[index].asyncAfter(deadline: .now() + .nanoseconds(Int(min(ahead, 100e6)))) { [weak self] in
            self?.call(index)
        }
        return true
    }

    /// Looks for work for a while, with nothing in hand and as nobody whom a stop waits for. False if there is none.
    private func waitForWork() -> Bool {
        heap.progress.pointee.waiting.wrappingAdd(1, ordering: .relaxed)
        defer { heap.progress.pointee.waiting.wrappingSubtract(1, ordering: .relaxed) }
        for _ in 0..<Self.spins {
            if !heap.hasNothingToTake { return true }
            if !heap.isMarking || heap.pointee.world.isStopping || stopped.load(ordering: .relaxed) { return false }
            if heap.progress.pointee.active.load(ordering: .relaxed) == 0 { return false }
            spinHint()
        }
        return false
    }
}
