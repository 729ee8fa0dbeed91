// A bounded ring of events that any thread may add to and one may read beside
// them. Nobody waits: the newest events replace the oldest, and what a reader
// did not get is counted. Off, it costs one load and one branch.
//
//     ticket t ─▶ slot t mod capacity:  sequence │ start │ duration │ kind, track │ four numbers
//
// `sequence` is 2t + 1 while the event of ticket t is written and 2t + 2 when it
// stands. A producer claims its slot by an exchange; one that finds the slot
// still being written, by a thread that was put to sleep a whole ring ago, drops
// its own event. So no slot ever holds parts of two events.

import Synchronization

/// A thin pointer: copies are the same stream. Sendable: what it points to is atomic.
package struct EventStream: @unchecked Sendable {
    private struct Record: ~Copyable {
        /// Address of the ring while the stream is on, else 0. Releasing store, acquiring loads.
        let ring = Atomic<UInt>(0)
        /// Slots of the ring less one; a power of two less one. Written before `ring`, once.
        let mask = Atomic<UInt64>(0)
        /// Address of the ring once there is one; it stays as long as the heap.
        let memory = Atomic<UInt>(0)
        /// Mutators that have a track. Relaxed.
        let mutatorCount = Atomic<Int>(0)
        /// When the counters were sampled last. Relaxed.
        let lastSample = Atomic<UInt64>(0)
        /// A bit for each kind of event that is kept. Relaxed.
        let kinds = Atomic<UInt64>(.max)
        /// Address of the heap's listener while it listens, else 0. Releasing store, acquiring load.
        let listener = Atomic<UInt>(0)
        /// Keeps `next`, which every producer changes, off the cache line that everybody reads.
        private let padding: UInt = 0
        /// Tickets handed out.
        let next = Atomic<UInt64>(0)
    }

    /// Eight words, a cache line.
    static let slotByteCount = 64
    /// What a ring has at least and, unless told otherwise, in all: 64 MiB of address space, touched as it fills.
    package static let minimumCapacity = 256
    package static let defaultCapacity = 1 << 20

    private let record: UnsafeMutablePointer<Record>
    private let memory: OSMemory
    private let statistic: SystemStatistic

    /// A stream that is off; nil when the system refuses the record.
    package init?(memory: OSMemory, statistic: SystemStatistic) {
        guard let place = memory.allocatePersistent(
            byteCount: UInt(MemoryLayout<Record>.stride), alignment: 64, statistic: statistic)
        else { return nil }
        record = place.bindMemory(to: Record.self, capacity: 1)
        record.initialize(to: Record())
        self.memory = memory
        self.statistic = statistic
    }

    // MARK: On and off

    @inline(__always)
    package var isOn: Bool { record.pointee.ring.load(ordering: .relaxed) != 0 }

    /// Switches the stream on. The first call makes the ring, of `capacity` slots rounded up to a power of two; later ones
    /// use it again. One thread at a time. False when the system refuses the memory.
    ///
    /// - Parameter kinds: what is kept, a bit for each kind; besides what is kept already, when the stream is on.
    package func start(capacity: Int = defaultCapacity, kinds: UInt64 = .max) -> Bool {
        let others = isOn ? record.pointee.kinds.load(ordering: .relaxed) : 0
        record.pointee.kinds.store(kinds | others, ordering: .relaxed)
        var ring = record.pointee.memory.load(ordering: .relaxed)
        if ring == 0 {
            let wanted = UInt64(max(Self.minimumCapacity, min(capacity, 1 << 30)))
            let slots: UInt64 = 1 << UInt64(64 - (wanted - 1).leadingZeroBitCount)
            guard let place = memory.allocatePersistent(
                byteCount: UInt(slots) * UInt(Self.slotByteCount), alignment: 64, statistic: statistic)
            else { return false }
            ring = UInt(bitPattern: place)
            record.pointee.mask.store(slots - 1, ordering: .relaxed)
            record.pointee.memory.store(ring, ordering: .relaxed)
        }
        record.pointee.ring.store(ring, ordering: .releasing)
        return true
    }

    /// Switches the stream off. What it holds stays readable.
    package func stop() { record.pointee.ring.store(0, ordering: .releasing) }

    /// Tells a listener, from now on, when there is something to read; nil: nobody. It lives as long as the heap.
    func setListener(_ listener: EventListener?) {
        let address = listener.map { UInt(bitPattern: Unmanaged.passUnretained($0).toOpaque()) } ?? 0
        record.pointee.listener.store(address, ordering: .releasing)
    }

    /// To be called where the world runs, after events that a listener waits for. It takes a lock of the system.
    @inline(__always)
    func wakeListener() {
        if _slowPath(isOn) { wakeListenerSlow() }
    }

    @inline(never)
    private func wakeListenerSlow() {
        guard let address = UnsafeRawPointer(bitPattern: record.pointee.listener.load(ordering: .acquiring)) else { return }
        Unmanaged<EventListener>.fromOpaque(address)._withUnsafeGuaranteedRef { $0.wake() }
    }

    /// A track for a new mutator.
    func makeMutatorTrack() -> EventTrack {
        EventTrack(.mutator, record.pointee.mutatorCount.wrappingAdd(1, ordering: .relaxed).oldValue)
    }

    // MARK: Adding

    /// When a slice begins: the clock, or 0 while the stream is off.
    @inline(__always)
    package func begin() -> UInt64 { isOn ? monotonicNanoseconds() : 0 }

    /// Ends a slice that began at `start`; nothing for 0.
    @inline(__always)
    package func end(
        _ kind: HeapEventKind, _ track: EventTrack, _ start: UInt64,
        _ a: UInt64 = 0, _ b: UInt64 = 0, _ c: UInt64 = 0, _ d: UInt64 = 0
    ) {
        if _slowPath(start != 0) { add(kind, track, start, monotonicNanoseconds() &- start, a, b, c, d) }
    }

    /// A slice whose times the caller took.
    @inline(__always)
    package func slice(
        _ kind: HeapEventKind, _ track: EventTrack, from start: UInt64, to end: UInt64,
        _ a: UInt64 = 0, _ b: UInt64 = 0, _ c: UInt64 = 0, _ d: UInt64 = 0
    ) {
        if _slowPath(isOn) { add(kind, track, start, end &- start, a, b, c, d) }
    }

    /// Something that takes no time, now.
    @inline(__always)
    package func instant(
        _ kind: HeapEventKind, _ track: EventTrack,
        _ a: UInt64 = 0, _ b: UInt64 = 0, _ c: UInt64 = 0, _ d: UInt64 = 0
    ) {
        if _slowPath(isOn) { add(kind, track, monotonicNanoseconds(), 0, a, b, c, d) }
    }

    /// A sample of counters, now; unless the last one is younger than `interval` nanoseconds.
    @inline(never)
    func sample(interval: UInt64, _ counters: HeapCounters) {
        let now = monotonicNanoseconds()
        let last = record.pointee.lastSample.load(ordering: .relaxed)
        // Several that come at once leave it to one of them.
        if now &- last < interval
            || !record.pointee.lastSample.compareExchange(expected: last, desired: now, ordering: .relaxed).exchanged
        { return }
        add(
            .counters, .heap, now, 0, counters.heapLive.value, counters.nextGC.value, counters.heapInUse.byteCount,
            counters.heapReleased.byteCount)
    }

    @inline(never)
    private func add(
        _ kind: HeapEventKind, _ track: EventTrack, _ start: UInt64, _ duration: UInt64,
        _ a: UInt64, _ b: UInt64, _ c: UInt64, _ d: UInt64
    ) {
        if record.pointee.kinds.load(ordering: .relaxed) & kind.bit == 0 { return }
        guard let slot = claim() else { return }
        slot.words[1].store(start, ordering: .relaxed)
        slot.words[2].store(duration, ordering: .relaxed)
        slot.words[3].store(UInt64(kind.rawValue) << 16 | UInt64(track.rawValue), ordering: .relaxed)
        slot.words[4].store(a, ordering: .relaxed)
        slot.words[5].store(b, ordering: .relaxed)
        slot.words[6].store(c, ordering: .relaxed)
        slot.words[7].store(d, ordering: .relaxed)
        finish(slot)
    }

    /// A slot that its claimer may write, words 1 to 7, until it calls `finish`.
    package struct ClaimedSlot {
        fileprivate let words: UnsafeMutablePointer<Atomic<UInt64>>
        fileprivate let ticket: UInt64
    }

    /// The slot of the next ticket; nil while the stream is off, or when somebody else is at that slot: then the event is
    /// lost, and its ticket says so to readers.
    @inline(__always)
    package func claim() -> ClaimedSlot? {
        let ring = record.pointee.ring.load(ordering: .acquiring)
        if ring == 0 { return nil }
        let ticket = record.pointee.next.wrappingAdd(1, ordering: .relaxed).oldValue
        let words = slot(ring, ticket)
        var sequence = words[0].load(ordering: .relaxed)
        while true {
            // Odd: somebody is still writing here. Larger: somebody with a later ticket was faster.
            if sequence & 1 != 0 || sequence > 2 * ticket { return nil }
            let (exchanged, found) = words[0].compareExchange(
                expected: sequence, desired: 2 * ticket + 1, ordering: .acquiring)
            if exchanged { break }
            sequence = found
        }
        // A reader that sees a word of the new event sees the claim too, when it looks at the sequence again.
        atomicMemoryFence(ordering: .releasing)
        return ClaimedSlot(words: words, ticket: ticket)
    }

    @inline(__always)
    package func finish(_ slot: ClaimedSlot) { slot.words[0].store(2 * slot.ticket + 2, ordering: .releasing) }

    @inline(__always)
    private func slot(_ ring: UInt, _ ticket: UInt64) -> UnsafeMutablePointer<Atomic<UInt64>> {
        let index = ticket & record.pointee.mask.load(ordering: .relaxed)
        return UnsafeMutablePointer(bitPattern: ring + UInt(index) * UInt(Self.slotByteCount)).unsafelyUnwrapped
    }

    // MARK: Reading

    /// Tickets handed out so far.
    package var ticketCount: UInt64 { record.pointee.next.load(ordering: .acquiring) }
    /// Events that the ring holds at most; 0 before the first `start`.
    package var capacity: UInt64 {
        record.pointee.memory.load(ordering: .acquiring) == 0 ? 0 : record.pointee.mask.load(ordering: .relaxed) + 1
    }

    enum Slot {
        case event(HeapEvent)
        /// Its producer is not done with it; or gave it up, which only time tells apart.
        case unfinished
        /// A later event stands in its place.
        case overwritten
    }

    /// What became of the event of a ticket that was handed out.
    func read(_ ticket: UInt64) -> Slot {
        let ring = record.pointee.memory.load(ordering: .acquiring)
        let slot = slot(ring, ticket)
        let sequence = slot[0].load(ordering: .acquiring)
        if sequence < 2 * ticket + 2 { return .unfinished }
        if sequence > 2 * ticket + 2 { return .overwritten }
        let meta = slot[3].load(ordering: .relaxed)
        let start = slot[1].load(ordering: .relaxed)
        let duration = slot[2].load(ordering: .relaxed)
        let values = (
            slot[4].load(ordering: .relaxed), slot[5].load(ordering: .relaxed), slot[6].load(ordering: .relaxed),
            slot[7].load(ordering: .relaxed)
        )
        atomicMemoryFence(ordering: .acquiring)
        guard slot[0].load(ordering: .relaxed) == sequence,
            let kind = HeapEventKind(rawValue: UInt8(truncatingIfNeeded: meta >> 16))
        else { return .overwritten }
        return .event(HeapEvent(
            kind, EventTrack(rawValue: UInt16(truncatingIfNeeded: meta)), start: start, duration: duration, values))
    }
}
