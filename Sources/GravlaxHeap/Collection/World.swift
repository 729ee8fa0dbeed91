// Stopping the world. Participants are mutators and background sweepers.
//
//     mutator:  running ──safepoint──▶ safe ──(no stop)──▶ running
//                  └──enterOutside──▶ safe ──leaveOutside──▶ running
//     sweeper:  idle ──tryEnter──▶ active ──leave──▶ idle
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
        /// Running mutators plus active sweepers. Changed under `lock`; read relaxed by a stopper that spins, which
        /// takes the lock before it relies on what it read.
        let running = Atomic<Int>(0)
        /// 1 while somebody stops, or has stopped, the world. Changed under `lock`; read acquiring without it.
        let stopping = Atomic<UInt32>(0)
        /// All mutators of the heap, and the records of closed ones, to be used again. Under `lock`.
        var mutators: MutatorRef?
        var retired: MutatorRef?
        var mutatorCount = 0
    }

    private let record: UnsafeMutablePointer<Record>
    private let lock: HeapLock
    private let changed: HeapCondition

    /// How often one who waits looks before it parks.
    private static let spinCount = 2_000

    /// Nil when the system refuses the record.
    init?(memory: OSMemory, statistic: SystemStatistic) {
        guard let lock = HeapLock(rank: .scheduler, memory: memory, statistic: statistic),
            let changed = HeapCondition(memory: memory, statistic: statistic),
            let place = memory.allocatePersistent(
                byteCount: UInt(MemoryLayout<Record>.stride), alignment: 64, statistic: statistic)
        else { return nil }
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
        addRunning(1)
    }

    /// From running to safe. Under `lock`.
    private func rest(_ mutator: MutatorRef) {
        mutator.pointee.isRunning = false
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

    /// Adds a mutator, running. Waits out a stop.
    func add(_ mutator: MutatorRef) {
        lock.withLock {
            waitWhileStopping()
            // A record used again may have been asked to stop when its last user closed it.
            mutator.pointee.poll.store(0, ordering: .relaxed)
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

    /// From safe to running; waits while the world is stopped.
    func enter(_ mutator: MutatorRef) {
        lock.withLock {
            waitWhileStopping()
            run(mutator)
        }
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

    /// A sweeper's way in: false, without waiting, while the world is stopped.
    func tryEnter() -> Bool {
        lock.withLock {
            if isStopping { return false }
            addRunning(1)
            return true
        }
    }

    /// A sweeper's way out.
    func leave() {
        lock.withLock {
            addRunning(-1)
            if isStopping { changed.wakeAll() }
        }
    }

    /// Whether somebody stops, or has stopped, the world.
    var isStopping: Bool { record.pointee.stopping.load(ordering: .acquiring) != 0 }

    /// Participants that are running: mutators, and what works in the background. Others change it meanwhile.
    var runningCount: Int { record.pointee.running.load(ordering: .relaxed) }

    var mutatorCount: Int { lock.withLock { record.pointee.mutatorCount } }

    // MARK: Stopping

    /// Stops the world for the running mutator that calls. False if somebody
    /// else stopped it first: then this mutator stood safe until that was over.
    package func stop(_ mutator: MutatorRef) -> Bool {
        let isFirst = lock.withLock {
            if isStopping {
                rest(mutator)
                changed.wakeAll()
                waitWhileStopping()
                run(mutator)
                return false
            }
            record.pointee.stopping.store(1, ordering: .releasing)
            forEachMutator { $0.requestPoll(.stop) }
            return true
        }
        guard isFirst else { return false }
        spin(until: { record.pointee.running.load(ordering: .relaxed) <= 1 })
        lock.withLock {
            while record.pointee.running.load(ordering: .relaxed) > 1 { changed.wait(lock) }
        }
        return true
    }

    /// Lets everybody go on.
    package func start() {
        lock.withLock {
            forEachMutator { $0.withdrawPoll(.stop) }
            record.pointee.stopping.store(0, ordering: .releasing)
            changed.wakeAll()
        }
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
