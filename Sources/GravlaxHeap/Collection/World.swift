// Stopping the world. Participants are mutators and background sweepers.
//
//     mutator:  running ──safepoint──▶ safe ──(no stop)──▶ running
//                  └──enterOutside──▶ safe ──leaveOutside──▶ running
//     sweeper:  idle ──enter──▶ active ──leave──▶ idle
//
// A stop sets `stopping`, asks every mutator to poll, and waits until nobody
// but the stopper is running. All of it is under one mutex with one condition,
// which also orders what one side wrote before what the other side reads.

import Glibc
import Synchronization

package struct World {
    struct State: ~Copyable {
        var mutex: pthread_mutex_t
        var changed: pthread_cond_t
        /// Running mutators plus active sweepers. Under `mutex`.
        var running = 0
        /// Whether somebody stops, or has stopped, the world. Under `mutex`.
        var stopping = false
        /// All mutators of the heap. Under `mutex`.
        var mutators: MutatorRef? = nil
        var mutatorCount = 0
    }

    let state: UnsafeMutablePointer<State>

    init() {
        state = .allocate(capacity: 1)
        state.initialize(to: State(mutex: pthread_mutex_t(), changed: pthread_cond_t()))
        pthread_mutex_init(&state.pointee.mutex, nil)
        pthread_cond_init(&state.pointee.changed, nil)
    }

    func destroy() {
        pthread_mutex_destroy(&state.pointee.mutex)
        pthread_cond_destroy(&state.pointee.changed)
        state.deinitialize(count: 1)
        state.deallocate()
    }

    private func lock() { pthread_mutex_lock(&state.pointee.mutex) }
    private func unlock() { pthread_mutex_unlock(&state.pointee.mutex) }
    private func wait() { pthread_cond_wait(&state.pointee.changed, &state.pointee.mutex) }
    private func wake() { pthread_cond_broadcast(&state.pointee.changed) }

    // MARK: Mutators

    /// Adds a mutator, running. Waits out a stop.
    func add(_ mutator: MutatorRef) {
        lock()
        while state.pointee.stopping { wait() }
        mutator.pointee.nextMutator = state.pointee.mutators
        state.pointee.mutators = mutator
        state.pointee.mutatorCount += 1
        state.pointee.running += 1
        unlock()
    }

    /// Takes a running mutator out.
    func remove(_ mutator: MutatorRef) {
        lock()
        var link: MutatorRef? = nil
        var current = state.pointee.mutators
        while let other = current, other != mutator {
            link = other
            current = other.pointee.nextMutator
        }
        if let link { link.pointee.nextMutator = mutator.pointee.nextMutator } else {
            state.pointee.mutators = mutator.pointee.nextMutator
        }
        state.pointee.mutatorCount -= 1
        state.pointee.running -= 1
        wake()
        unlock()
    }

    /// From running to safe: from here on the world may stop without this participant.
    func leave() {
        lock()
        state.pointee.running -= 1
        if state.pointee.stopping { wake() }
        unlock()
    }

    /// From safe to running; waits while the world is stopped.
    func enter() {
        lock()
        while state.pointee.stopping { wait() }
        state.pointee.running += 1
        unlock()
    }

    /// A sweeper's way in: false, without waiting, while the world is stopped.
    func tryEnter() -> Bool {
        lock()
        defer { unlock() }
        if state.pointee.stopping { return false }
        state.pointee.running += 1
        return true
    }

    var isStopping: Bool {
        lock()
        defer { unlock() }
        return state.pointee.stopping
    }

    var mutatorCount: Int {
        lock()
        defer { unlock() }
        return state.pointee.mutatorCount
    }

    // MARK: Stopping

    /// Stops the world for the running mutator that calls. False if somebody
    /// else stopped it first: then this mutator stood safe until that was over.
    func stop() -> Bool {
        lock()
        if state.pointee.stopping {
            state.pointee.running -= 1
            wake()
            while state.pointee.stopping { wait() }
            state.pointee.running += 1
            unlock()
            return false
        }
        state.pointee.stopping = true
        forEachMutator { $0.requestPoll(.stop) }
        while state.pointee.running > 1 { wait() }
        unlock()
        return true
    }

    /// Lets everybody go on.
    func start() {
        lock()
        forEachMutator { $0.withdrawPoll(.stop) }
        state.pointee.stopping = false
        wake()
        unlock()
    }

    /// Every mutator. World stopped, or within the lock.
    func forEachMutator(_ body: (MutatorRef) -> Void) {
        var current = state.pointee.mutators
        while let mutator = current {
            body(mutator)
            current = mutator.pointee.nextMutator
        }
    }

    /// Asks every mutator to come to a safepoint soon.
    func requestPollOfAll(_ reason: PollReason) {
        lock()
        forEachMutator { $0.requestPoll(reason) }
        unlock()
    }
}
