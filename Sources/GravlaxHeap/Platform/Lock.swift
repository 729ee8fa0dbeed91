import Glibc

/// The order in which locks are taken (INV-28): a thread may take a lock only if its rank is above all it holds.
///
/// - Source: Go 1.19 lockrank.go, the part of the order that concerns the heap.
package enum LockRank: UInt8, CaseIterable, Sendable {
    /// Mutators, stops and phases.
    case scheduler
    /// What fell due, and the tables of ephemerons.
    case specialQueues
    /// Queues of marking work and root jobs.
    case markWork
    /// Lists of spans to sweep.
    case sweep
    /// The specials of one span.
    case spanSpecials
    /// The lists of one span class.
    case central
    /// Pages, span records, arenas.
    case heap
    /// The pools of special records.
    case specialRecords
    /// Mark-bit arenas, and the blocks of sweep buffers.
    case markBits
    /// Persistent metadata of the system layer.
    case systemMemory
}

/// A lock in raw memory with a rank.
///
/// A thin pointer: copies are the same lock. Debug builds end the process when a thread takes locks against the
/// order of `LockRank`; release builds carry no check. Not recursive.
package struct HeapLock {
    private let mutex: UnsafeMutablePointer<pthread_mutex_t>
    package let rank: LockRank

    /// How often a lock is tried before its taker parks.
    private static let spinCount = 100

    /// Bytes a lock needs, a whole number of words.
    package static var byteCount: Int { MemoryLayout<pthread_mutex_t>.stride }

    /// Makes an open lock in `memory`: `byteCount` bytes, 8-byte aligned, which must outlive all use of it.
    package init(at memory: UnsafeMutableRawPointer, rank: LockRank) {
        mutex = memory.bindMemory(to: pthread_mutex_t.self, capacity: 1)
        self.rank = rank
        mutex.initialize(to: pthread_mutex_t())
        if pthread_mutex_init(mutex, nil) != 0 { fatal("a lock could not be initialised") }
    }

    /// Makes an open lock in persistent memory; nil when the system refuses it.
    package init?(rank: LockRank, memory: OSMemory, statistic: SystemStatistic) {
        guard let place = memory.allocatePersistent(
            byteCount: UInt(Self.byteCount), alignment: 8, statistic: statistic)
        else { return nil }
        self.init(at: place, rank: rank)
    }

    package func lock() {
        #if DEBUG
        HeldRanks.willLock(rank)
        #endif
        acquire()
    }

    /// The same. Returns the nanoseconds that the caller waited for somebody else; 0 if the lock was free.
    package func lockTimed() -> UInt64 {
        #if DEBUG
        HeldRanks.willLock(rank)
        #endif
        if pthread_mutex_trylock(mutex) == 0 { return 0 }
        let began = monotonicNanoseconds()
        acquire()
        return max(1, monotonicNanoseconds() - began)
    }

    private func acquire() {
        // What these locks guard takes well under a microsecond; parking and waking a thread takes tens of them.
        var spins = Self.spinCount
        while spins > 0 {
            if pthread_mutex_trylock(mutex) == 0 { return }
            for _ in 0..<8 { spinHint() }
            spins -= 1
        }
        let result = pthread_mutex_lock(mutex)
        if result != 0 { fatal("a lock could not be taken", ("error", UInt(bitPattern: Int(result)))) }
    }

    package func unlock() {
        #if DEBUG
        HeldRanks.didUnlock(rank)
        #endif
        let result = pthread_mutex_unlock(mutex)
        if result != 0 { fatal("a lock could not be released", ("error", UInt(bitPattern: Int(result)))) }
    }

    /// Ends the process if the calling thread does not hold a lock of this rank. Debug builds only.
    package func assertHeld() {
        #if DEBUG
        if !HeldRanks.holds(rank) { fatal("a lock that must be held is not", ("rank", UInt(rank.rawValue))) }
        #endif
    }

    package func withLock<Result>(_ body: () throws -> Result) rethrows -> Result {
        lock()
        defer { unlock() }
        return try body()
    }

    /// Nobody uses the lock any more.
    package func destroy() { pthread_mutex_destroy(mutex) }

    /// Lets the lock go until somebody wakes `condition`, and takes it again. The lock's rank counts as held throughout.
    fileprivate func wait(_ condition: UnsafeMutablePointer<pthread_cond_t>) {
        let result = pthread_cond_wait(condition, mutex)
        if result != 0 { fatal("a condition could not be waited for", ("error", UInt(bitPattern: Int(result)))) }
    }
}

/// Something to wait for under a `HeapLock`. A thin pointer to raw memory: copies are the same condition.
package struct HeapCondition {
    private let condition: UnsafeMutablePointer<pthread_cond_t>

    /// Nil when the system refuses the memory.
    package init?(memory: OSMemory, statistic: SystemStatistic) {
        guard let place = memory.allocatePersistent(
            byteCount: UInt(MemoryLayout<pthread_cond_t>.stride), alignment: 8, statistic: statistic)
        else { return nil }
        condition = place.bindMemory(to: pthread_cond_t.self, capacity: 1)
        condition.initialize(to: pthread_cond_t())
        if pthread_cond_init(condition, nil) != 0 { fatal("a condition could not be initialised") }
    }

    /// Waits until it is woken, or for no reason: check what was waited for. The caller holds `lock`.
    package func wait(_ lock: HeapLock) { lock.wait(condition) }

    /// Wakes all who wait. The caller holds the lock they waited under.
    package func wakeAll() { pthread_cond_broadcast(condition) }

    package func destroy() { pthread_cond_destroy(condition) }
}

#if DEBUG
/// The ranks a thread holds: bit r of a thread-specific word stands for rank r.
///
/// The word itself is the thread-specific "pointer", so that nothing is allocated.
private enum HeldRanks {
    private static let key: pthread_key_t = {
        var key = pthread_key_t()
        if pthread_key_create(&key, nil) != 0 { fatal("no thread-specific key left for lock ranks") }
        return key
    }()

    static func willLock(_ rank: LockRank) {
        let held = UInt(bitPattern: pthread_getspecific(key))
        if held >> UInt(rank.rawValue) != 0 {
            fatal("locks taken out of order", ("rank", UInt(rank.rawValue)), ("held ranks", held))
        }
        pthread_setspecific(key, UnsafeRawPointer(bitPattern: held | 1 << UInt(rank.rawValue)))
    }

    static func didUnlock(_ rank: LockRank) {
        let held = UInt(bitPattern: pthread_getspecific(key))
        let bit: UInt = 1 << UInt(rank.rawValue)
        if held & bit == 0 { fatal("a lock released that is not held", ("rank", UInt(rank.rawValue))) }
        pthread_setspecific(key, UnsafeRawPointer(bitPattern: held & ~bit))
    }

    static func holds(_ rank: LockRank) -> Bool {
        UInt(bitPattern: pthread_getspecific(key)) >> UInt(rank.rawValue) & 1 == 1
    }
}
#endif
