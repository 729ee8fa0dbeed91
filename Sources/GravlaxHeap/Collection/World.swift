// Stopping the world. Participants are mutators, and what runs on background
// threads: sweepers and markers.
//
//     mutator:  running ──safepoint──▶ safe ──(no stop)──▶ running
//                  └──enterOutside──▶ safe ──leaveOutside──▶ running
//     worker:   idle ──tryEnter──▶ active ──leave──▶ idle
//
// A mutator that is safe when marking begins is scanned by a worker, which
// claims it: it stays safe until the worker is done with it.
//
// A stop raises `stopping`, asks every mutator to poll, and waits until nobody
// but the stopper is running: it spins briefly, since most mutators poll within
// microseconds, and then parks. All changes are made under one lock, which also
// orders what one side wrote before what the other side reads.

import Glibc
import Synchronization

/// Who runs, and who stops whom. A thin pointer: copies share the record.
package struct World {
    private struct Record: ~Copyable {
        /// Running mutators plus active workers. Changed under `lock`; read relaxed by a stopper that spins, which
        /// takes the lock before it relies on what it read.
        let running = Atomic<Int>(0)
        /// Running mutators alone. Changed under `lock`; read relaxed as a hint.
        let runningMutators = Atomic<Int>(0)
        /// 1 while somebody stops, or has stopped, the world. Changed under `lock`; read acquiring without it.
        let stopping = Atomic<UInt32>(0)
        /// Mutators in `rest`.
        let resting = Atomic<Int>(0)
        /// All mutators of the heap, and the records of closed ones, to be used again. Under `lock`.
        var mutators: MutatorRef?
        var retired: MutatorRef?
        var mutatorCount = 0
    }

    private let record: UnsafeMutablePointer<Record>
    private let lock: HeapLock
    private let changed: HeapCondition
    private let clock: StopClock

    /// How often one who waits looks before it parks.
    private static let spinCount = 2_000

    /// Nil when the system refuses the record.
    init?(memory: OSMemory, statistic: SystemStatistic, events: EventStream, latencies: HeapLatencies) {
        guard let clock = StopClock(memory: memory, statistic: statistic, events: events, latencies: latencies),
            let lock = HeapLock(rank: .scheduler, memory: memory, statistic: statistic),
            let changed = HeapCondition(memory: memory, statistic: statistic),
            let place = memory.allocatePersistent(
                byteCount: UInt(MemoryLayout<Record>.stride), alignment: 64, statistic: statistic)
        else { return nil }
        self.clock = clock
        self.lock = lock
        self.changed = changed
        record = place.bindMemory(to: Record.self, capacity: 1)
        record.initialize(to: Record())
    }

    /// Under `lock`.
    private func addRunning(_ count: Int) { record.pointee.running.wrappingAdd(count, ordering: .releasing) }

    /// From safe to running. Under `lock`.
    private func run(_ mutator: MutatorRef) {
        mutator.pointee.isRunning = true
        record.pointee.runningMutators.wrappingAdd(1, ordering: .relaxed)
        addRunning(1)
    }

    /// From running to safe. Under `lock`.
    private func rest(_ mutator: MutatorRef) {
        mutator.pointee.isRunning = false
        record.pointee.runningMutators.wrappingSubtract(1, ordering: .relaxed)
        addRunning(-1)
    }

    /// Under `lock`. Waits while the world is stopped, or being stopped: spins with the lock open at first, since most
    /// stops are over before a thread has gone to sleep.
    private func waitWhileStopping() {
        if !isStopping { return }
        lock.unlock()
        spin(until: { !isStopping })
        lock.lock()
        while isStopping { changed.wait(lock) }
    }

    private func spin(until condition: () -> Bool) {
        var spins = 0
        while spins < Self.spinCount, !condition() {
            spinHint()
            spins += 1
        }
    }

    // MARK: Mutators

    /// Adds a mutator, running. Waits out a stop. `prepare` is called before the mutator can be seen; no phase changes
    /// until it runs.
    func add(_ mutator: MutatorRef, _ prepare: () -> Void) {
        lock.withLock {
            waitWhileStopping()
            // A record used again may have been asked to stop when its last user closed it.
            mutator.pointee.poll.store(0, ordering: .relaxed)
            prepare()
            mutator.pointee.nextMutator = record.pointee.mutators
            record.pointee.mutators = mutator
            record.pointee.mutatorCount = record.pointee.mutatorCount + 1
            run(mutator)
        }
    }

    /// Takes a running mutator out and keeps its record for `takeRetired`.
    func remove(_ mutator: MutatorRef) {
        lock.withLock {
            var link: MutatorRef? = nil
            var current = record.pointee.mutators
            while let other = current, other != mutator {
                link = other
                current = other.pointee.nextMutator
            }
            if current == nil { fatal("a mutator is closed that is none of the heap's") }
            if let link {
                link.pointee.nextMutator = mutator.pointee.nextMutator
            } else {
                record.pointee.mutators = mutator.pointee.nextMutator
            }
            mutator.pointee.nextMutator = record.pointee.retired
            record.pointee.retired = mutator
            record.pointee.mutatorCount = record.pointee.mutatorCount - 1
            rest(mutator)
            changed.wakeAll()
        }
    }

    /// The record of a closed mutator, if there is one.
    func takeRetired() -> MutatorRef? {
        lock.withLock {
            guard let mutator = record.pointee.retired else { return nil }
            record.pointee.retired = mutator.pointee.nextMutator
            return mutator
        }
    }

    /// From running to safe: from here on the world may stop without this participant.
    func leave(_ mutator: MutatorRef) {
        lock.withLock {
            rest(mutator)
            if isStopping { changed.wakeAll() }
        }
    }

    /// From safe to running; waits while the world is stopped, and while a worker scans the mutator's roots.
    package func enter(_ mutator: MutatorRef) {
        lock.withLock { waitToRun(mutator) }
    }

    /// A running mutator's stay at a safepoint until a stop is over.
    func pause(_ mutator: MutatorRef) {
        lock.withLock {
            rest(mutator)
            if isStopping { changed.wakeAll() }
            waitToRun(mutator)
        }
    }

    /// Under `lock`.
    private func waitToRun(_ mutator: MutatorRef) {
        if isStopping {
            let began = monotonicNanoseconds()
            waitWhileStopping()
            clock.stood(mutator, from: began, to: monotonicNanoseconds())
        }
        while mutator.pointee.isBeingScanned {
            changed.wait(lock)
            waitWhileStopping()
        }
        run(mutator)
    }

    // MARK: Scanning those who are safe

    /// A safe mutator whose roots were not visited in this cycle, claimed for the caller, a participant, who visits
    /// them and calls `endScan`.
    func claimUnscanned() -> MutatorRef? {
        lock.withLock {
            var current = record.pointee.mutators
            while let mutator = current, mutator.pointee.isRunning || !mutator.pointee.needsScan {
                current = mutator.pointee.nextMutator
            }
            guard let mutator = current else { return nil }
            mutator.pointee.needsScan = false
            mutator.pointee.isBeingScanned = true
            return mutator
        }
    }

    func endScan(_ mutator: MutatorRef) {
        lock.withLock {
            mutator.pointee.isBeingScanned = false
            changed.wakeAll()
        }
    }

    /// Stays safe until `condition`, which is read under the lock, or a stop is over, or `notify` is called; at most
    /// that long.
    func rest(_ mutator: MutatorRef, until condition: () -> Bool) {
        lock.withLock {
            rest(mutator)
            if isStopping { changed.wakeAll() }
            record.pointee.resting.wrappingAdd(1, ordering: .sequentiallyConsistent)
            atomicMemoryFence(ordering: .sequentiallyConsistent)
            if !condition() { changed.wait(lock) }
            record.pointee.resting.wrappingSubtract(1, ordering: .relaxed)
            waitToRun(mutator)
        }
    }

    /// Wakes those who rest, if there are any.
    func notify() {
        // What the caller changed is there before the look at who rests: one who begins to rest counts itself first,
        // and looks then.
        atomicMemoryFence(ordering: .sequentiallyConsistent)
        if record.pointee.resting.load(ordering: .sequentiallyConsistent) == 0 { return }
        lock.withLock { changed.wakeAll() }
    }

    /// Sweeps what mutators that are safe had cached before the last flip. Such a mutator may stay outside for long, or
    /// wait for the end of a stop that waits for the caller: nobody else would.
    package func flushSafeMutators() {
        lock.withLock {
            forEachMutator { if !$0.pointee.isRunning { $0.prepareForSweep() } }
        }
    }

    /// Has all mutators come to a safepoint soon.
    func requestPoll(_ reason: PollReason) { lock.withLock { forEachMutator { $0.requestPoll(reason) } } }

    /// A worker's way in: false, without waiting, while the world is stopped.
    func tryEnter() -> Bool {
        lock.withLock {
            if isStopping { return false }
            addRunning(1)
            return true
        }
    }

    /// A worker's way out.
    func leave() {
        lock.withLock {
            addRunning(-1)
            if isStopping { changed.wakeAll() }
        }
    }

    /// Whether somebody stops, or has stopped, the world.
    package var isStopping: Bool { record.pointee.stopping.load(ordering: .acquiring) != 0 }

    /// Participants that are running: mutators, and what works in the background. Others change it meanwhile.
    var runningCount: Int { record.pointee.running.load(ordering: .relaxed) }
    /// Mutators that run: a hint while they come and go.
    package var runningMutators: Int { record.pointee.runningMutators.load(ordering: .relaxed) }

    var mutatorCount: Int { lock.withLock { record.pointee.mutatorCount } }

    // MARK: Stopping

    /// Stops the world for the running mutator that calls, or for a thread that is no participant. False if somebody
    /// else stopped it first: then the mutator stood safe until that was over, and the other thread did not wait.
    ///
    /// Whoever waits for the others holds none of the spans that they may wait for: one that was cached before the last flip
    /// is swept by its mutator alone as long as that is running, and `ensureSwept` comes to no safepoint.
    package func stop(_ mutator: MutatorRef?, _ reason: StopReason = .other) -> Bool {
        mutator?.prepareForSweep()
        let isFirst = lock.withLock {
            if isStopping {
                guard let mutator else { return false }
                rest(mutator)
                changed.wakeAll()
                waitToRun(mutator)
                return false
            }
            record.pointee.stopping.store(1, ordering: .releasing)
            clock.request(reason, by: mutator)
            forEachMutator { $0.requestPoll(.stop) }
            return true
        }
        guard isFirst else { return false }
        let own = mutator == nil ? 0 : 1
        spin(until: { record.pointee.running.load(ordering: .relaxed) <= own })
        lock.withLock {
            while record.pointee.running.load(ordering: .relaxed) > own { changed.wait(lock) }
        }
        clock.stop()
        return true
    }

    /// Lets everybody go on.
    package func start() {
        lock.withLock {
            clock.start()
            forEachMutator { $0.withdrawPoll(.stop) }
            record.pointee.stopping.store(0, ordering: .releasing)
            changed.wakeAll()
        }
        clock.started()
    }

    /// Every mutator. World stopped, or within the lock.
    func forEachMutator(_ body: (MutatorRef) -> Void) {
        var current = record.pointee.mutators
        while let mutator = current {
            body(mutator)
            current = mutator.pointee.nextMutator
        }
    }

    /// Gives back what the lock and the condition hold. Nobody uses them any more.
    func destroy() {
        changed.destroy()
        lock.destroy()
    }
}
