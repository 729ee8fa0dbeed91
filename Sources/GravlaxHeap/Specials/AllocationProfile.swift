// Where sampled objects were allocated, and how many of them were freed: a bucket
// for each place and size. Allocations count at once, but frees only when a span
// is swept; published as they come, the two would never fit together. So both
// wait until the sweep that completes them is over.
//
//     cycle c        c + 1          c + 2
//     ──────┼─ mark ends ─┼─ mark ends ─┼──▶
//     allocations         ▲ they count in the cycle after next; what the sweep
//     of this time ───────┘ after this mark frees counts in the next one, which
//                           is published once that sweep is over

import Synchronization

/// What was sampled at one place, all of one size.
public struct AllocationRecord: Sendable, Equatable {
    /// What `Heap.allocationSite` said.
    public let site: UInt64
    /// Bytes of one object, as the heap rounds it up.
    public let objectByteCount: UInt64
    /// Sampled objects that were allocated, and those of them that were freed.
    public let allocs: UInt64
    public let frees: UInt64

    package init(site: UInt64, objectByteCount: UInt64, allocs: UInt64, frees: UInt64) {
        self.site = site
        self.objectByteCount = objectByteCount
        self.allocs = allocs
        self.frees = frees
    }
}

/// The buckets of a heap. A thin pointer to raw memory; any thread may call anything.
///
/// - Source: Go 1.14 mprof.go, bucket, memRecord, mProf_Malloc, mProf_Free and mProf_Flush.
package struct AllocationProfile {
    package typealias BucketRef = UnsafeMutablePointer<Bucket>

    /// Under the profile's lock.
    package struct Bucket {
        let site: UInt64
        let byteCount: UInt64
        /// The next with the same hash, and the one made before.
        let next: BucketRef?
        let older: BucketRef?
        var allocs: UInt64 = 0
        var frees: UInt64 = 0
        /// What is not published yet, by cycle modulo 3.
        var futureAllocs: (UInt32, UInt32, UInt32) = (0, 0, 0)
        var futureFrees: (UInt32, UInt32, UInt32) = (0, 0, 0)
    }

    private struct Record: ~Copyable {
        let lock: HeapLock
        let memory: OSMemory
        let statistic: SystemStatistic
        /// All under `lock`. The table is made with the first bucket.
        var table: UnsafeMutablePointer<BucketRef?>?
        var newest: BucketRef?
        /// The last cycle whose counts are published.
        var published: UInt32 = 0

        init(lock: HeapLock, memory: OSMemory, statistic: SystemStatistic) {
            self.lock = lock
            self.memory = memory
            self.statistic = statistic
        }
    }

    private static let tableSize = 4096

    private let record: UnsafeMutablePointer<Record>

    /// Nil when the system refuses the record.
    init?(memory: OSMemory, statistic: SystemStatistic) {
        guard let lock = HeapLock(rank: .specialQueues, memory: memory, statistic: statistic),
            let place = memory.allocatePersistent(
                byteCount: UInt(MemoryLayout<Record>.stride), alignment: 64, statistic: statistic)
        else { return nil }
        record = place.bindMemory(to: Record.self, capacity: 1)
        record.initialize(to: Record(lock: lock, memory: memory, statistic: statistic))
    }

    /// Counts an object allocated in `cycle`. Its bucket; nil when memory for a new one was refused.
    func countAlloc(site: UInt64, byteCount: UInt64, cycle: UInt32) -> BucketRef? {
        record.pointee.lock.withLock {
            publish(until: cycle)
            guard let bucket = find(site, byteCount) ?? make(site, byteCount) else { return nil }
            switch (cycle &+ 2) % 3 {
            case 0: bucket.pointee.futureAllocs.0 = bucket.pointee.futureAllocs.0 &+ 1
            case 1: bucket.pointee.futureAllocs.1 = bucket.pointee.futureAllocs.1 &+ 1
            default: bucket.pointee.futureAllocs.2 = bucket.pointee.futureAllocs.2 &+ 1
            }
            return bucket
        }
    }

    /// Takes back a count of this `cycle`: the object got no record after all.
    func discountAlloc(_ bucket: BucketRef, cycle: UInt32) {
        record.pointee.lock.withLock {
            switch (cycle &+ 2) % 3 {
            case 0: bucket.pointee.futureAllocs.0 = bucket.pointee.futureAllocs.0 &- 1
            case 1: bucket.pointee.futureAllocs.1 = bucket.pointee.futureAllocs.1 &- 1
            default: bucket.pointee.futureAllocs.2 = bucket.pointee.futureAllocs.2 &- 1
            }
        }
    }

    /// Counts an object that the sweep of `cycle` freed.
    func countFree(_ bucket: BucketRef, cycle: UInt32) {
        record.pointee.lock.withLock {
            publish(until: cycle)
            switch (cycle &+ 1) % 3 {
            case 0: bucket.pointee.futureFrees.0 = bucket.pointee.futureFrees.0 &+ 1
            case 1: bucket.pointee.futureFrees.1 = bucket.pointee.futureFrees.1 &+ 1
            default: bucket.pointee.futureFrees.2 = bucket.pointee.futureFrees.2 &+ 1
            }
        }
    }

    /// Calls `body` with what is published, the newest bucket first.
    ///
    /// - Parameter isSwept: whether the sweep of `cycle` is over.
    func forEach(cycle: UInt32, isSwept: Bool, _ body: (AllocationRecord) -> Void) {
        record.pointee.lock.withLock {
            publish(until: isSwept ? cycle &+ 1 : cycle)
            var current = record.pointee.newest
            while let bucket = current {
                current = bucket.pointee.older
                if bucket.pointee.allocs == 0 { continue }
                body(AllocationRecord(
                    site: bucket.pointee.site, objectByteCount: bucket.pointee.byteCount, allocs: bucket.pointee.allocs,
                    frees: bucket.pointee.frees))
            }
        }
    }

    /// Publishes all cycles up to `cycle`, once each. Under the lock.
    private func publish(until cycle: UInt32) {
        // More than three cycles without a sample or a free have nothing more to say than three.
        var missing = Swift.min(Int32(bitPattern: cycle &- record.pointee.published), 3)
        if missing <= 0 { return }
        while missing > 0 {
            missing -= 1
            let index = (cycle &- UInt32(missing)) % 3
            var current = record.pointee.newest
            while let bucket = current {
                current = bucket.pointee.older
                publish(bucket, index)
            }
        }
        record.pointee.published = cycle
    }

    private func publish(_ bucket: BucketRef, _ index: UInt32) {
        let (allocs, frees) = (bucket.pointee.futureAllocs, bucket.pointee.futureFrees)
        switch index {
        case 0:
            bucket.pointee.allocs = bucket.pointee.allocs &+ UInt64(allocs.0)
            bucket.pointee.frees = bucket.pointee.frees &+ UInt64(frees.0)
            bucket.pointee.futureAllocs.0 = 0
            bucket.pointee.futureFrees.0 = 0
        case 1:
            bucket.pointee.allocs = bucket.pointee.allocs &+ UInt64(allocs.1)
            bucket.pointee.frees = bucket.pointee.frees &+ UInt64(frees.1)
            bucket.pointee.futureAllocs.1 = 0
            bucket.pointee.futureFrees.1 = 0
        default:
            bucket.pointee.allocs = bucket.pointee.allocs &+ UInt64(allocs.2)
            bucket.pointee.frees = bucket.pointee.frees &+ UInt64(frees.2)
            bucket.pointee.futureAllocs.2 = 0
            bucket.pointee.futureFrees.2 = 0
        }
    }

    private func slot(_ site: UInt64, _ byteCount: UInt64) -> Int {
        Int(truncatingIfNeeded: ((site ^ byteCount << 32) &* 0x9E37_79B9_7F4A_7C15) >> 52) & (Self.tableSize - 1)
    }

    private func find(_ site: UInt64, _ byteCount: UInt64) -> BucketRef? {
        var current = record.pointee.table?[slot(site, byteCount)]
        while let bucket = current, bucket.pointee.site != site || bucket.pointee.byteCount != byteCount {
            current = bucket.pointee.next
        }
        return current
    }

    private func make(_ site: UInt64, _ byteCount: UInt64) -> BucketRef? {
        let memory = record.pointee.memory
        if record.pointee.table == nil {
            guard let place = memory.allocatePersistent(
                byteCount: UInt(Self.tableSize * 8), statistic: record.pointee.statistic)
            else { return nil }
            let table = place.bindMemory(to: BucketRef?.self, capacity: Self.tableSize)
            table.initialize(repeating: nil, count: Self.tableSize)
            record.pointee.table = table
        }
        guard let table = record.pointee.table, let place = memory.allocatePersistent(
            byteCount: UInt(MemoryLayout<Bucket>.stride), statistic: record.pointee.statistic)
        else { return nil }
        let slot = slot(site, byteCount)
        let bucket = place.bindMemory(to: Bucket.self, capacity: 1)
        bucket.initialize(to: Bucket(site: site, byteCount: byteCount, next: table[slot], older: record.pointee.newest))
        table[slot] = bucket
        record.pointee.newest = bucket
        return bucket
    }
}

extension UnsafeMutablePointer where Pointee == MHeap {
    /// Marks so far: one ends each time the generation rises.
    private var profileCycle: UInt32 { sweepgen / 2 }

    /// Counts a new object against the place that allocates it, and notes that on the object. False, and nothing is
    /// counted, when memory was refused; fatal if the object is noted already.
    ///
    /// - Source: Go 1.14 mheap.go, setprofilebucket; mprof.go, mProf_Malloc.
    func setProfileBucket(_ address: UInt, byteCount: UInt64, site: UInt64, _ mutator: MutatorRef) -> Bool {
        let profile = pointee.specials.profile
        guard let bucket = profile.countAlloc(site: site, byteCount: byteCount, cycle: profileCycle) else { return false }
        let result = addSpecial(
            .profile, to: address, payload: site, argument: UInt64(UInt(bitPattern: bucket)), mutator)
        if result == .exists { fatal("an object is sampled twice", ("address", address)) }
        if result == .refused { profile.discountAlloc(bucket, cycle: profileCycle) }
        return result == .registered
    }

    /// Credits the bucket of a dead object.
    func creditProfile(_ special: SpecialRef) {
        guard let bucket = AllocationProfile.BucketRef(bitPattern: UInt(special.pointee.argument)) else { return }
        pointee.specials.profile.countFree(bucket, cycle: profileCycle)
    }
}

extension Heap {
    /// The samples as of the last cycle that is over, or, if it is swept, the last mark: allocations and frees of the
    /// same time. Thread-safe.
    public func allocationProfile() -> [AllocationRecord] {
        var records: [AllocationRecord] = []
        raw.pointee.specials.profile.forEach(cycle: raw.sweepgen / 2, isSwept: raw.isSweepDone) { records.append($0) }
        return records
    }
}
