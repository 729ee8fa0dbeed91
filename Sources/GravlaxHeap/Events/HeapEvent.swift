// What happens in a heap, as values: kinds of events, the tracks they belong
// to, and what their four numbers mean. How they are kept: EventStream.swift.

/// What an event tells of.
///
/// A slice has a duration and stands on the track of the thread that did it, inside the slices that were open there. An
/// instant has none. `valueNames` says what the numbers of an event are.
public enum HeapEventKind: UInt8, Sendable, CaseIterable {
    /// Instant: the collector entered a phase.
    case phase
    /// Slice: from the request to stop the world until it went on.
    case stop
    /// Slice: a mutator stood still for a stop, its own or somebody else's.
    case stopped
    /// Slice: a piece of the roots was visited.
    case rootJob
    /// Slice: a stretch of marking by a worker.
    case drain
    /// Slice: marking by a mutator, as its share for what it allocates.
    case assist
    /// Slice: a batch of spans swept in the background, or at the end of a sweep.
    case sweep
    /// Slice: spans swept before an allocation, as its share.
    case sweepCredit
    /// Slice: pages freed for an allocation that takes pages.
    case reclaim
    /// Instant: a span was made.
    case spanAllocation
    /// Instant: a span was given back.
    case spanFree
    /// Slice: memory was given back to the system.
    case scavenge
    /// Slice: finalizers and cleanups ran.
    case finalizers
    /// Instant: the heap took address space.
    case growth
    /// Slice: a whole cycle, on the track of the heap.
    case cycle
    /// A sample of the counters, on the track of the heap.
    case counters

    /// In a set of kinds.
    package var bit: UInt64 { 1 << UInt64(rawValue) }

    /// Of the event's numbers, in order. Bytes, nanoseconds and codes are named so.
    public var valueNames: [StaticString] {
        switch self {
        case .phase: ["phase"]
        case .stop: ["reason", "nanosecondsToStop"]
        case .stopped: []
        case .rootJob: ["job"]
        case .drain, .assist: ["bytes"]
        case .sweep, .sweepCredit: ["spans"]
        case .reclaim: ["pages"]
        case .spanAllocation, .spanFree: ["address", "pages", "spanClass"]
        case .scavenge: ["reason", "bytes"]
        case .finalizers: ["count"]
        case .growth: ["bytes"]
        case .cycle: ["number", "bytesMarked"]
        case .counters: ["live", "goal", "inUse", "released"]
        }
    }
}

/// The code of a `stop`: what the world was stopped for.
public enum StopReason: UInt8, Sendable, CaseIterable {
    case markStart, markTermination, wholeCycle, statistics, releaseMemory, verification, other
}

/// The code of a `scavenge`: why memory was given back.
public enum ScavengeReason: UInt8, Sendable, CaseIterable {
    case background, growth, budget, forced
}

/// The code of a `rootJob`: what was visited.
public enum RootJobKind: UInt8, Sendable, CaseIterable {
    case mutator, specials, finalizerQueue, other
}

/// The code of a `phase`.
public enum TracePhase: UInt8, Sendable, CaseIterable {
    case off, mark, markTermination
}

/// Whose event it is: a row of a trace. Numbers wrap at 4,096.
public struct EventTrack: Sendable, Hashable {
    public enum Kind: UInt8, Sendable, CaseIterable {
        /// What is nobody's in particular.
        case heap
        /// Stops, one after the other, whoever stops the world, and what is done meanwhile.
        case world
        case mutator, marker, sweeper, scavenger
        /// What is done under the heap lock, by whomever.
        case pages
    }

    /// The kind in the upper four bits, the number in the lower twelve.
    public let rawValue: UInt16

    public init(_ kind: Kind, _ number: Int = 0) {
        rawValue = UInt16(kind.rawValue) << 12 | UInt16(truncatingIfNeeded: number & 0xfff)
    }

    init(rawValue: UInt16) { self.rawValue = rawValue }

    public var kind: Kind { Kind(rawValue: UInt8(rawValue >> 12)) ?? .heap }
    public var number: Int { Int(rawValue & 0xfff) }

    public static let heap = EventTrack(.heap)
    public static let world = EventTrack(.world)
    public static let pages = EventTrack(.pages)
}

/// One event. Times are nanoseconds of the monotonic clock.
public struct HeapEvent: Sendable, Equatable {
    public var kind: HeapEventKind
    public var track: EventTrack
    public var start: UInt64
    /// 0 for instants and samples.
    public var duration: UInt64
    /// As many as `kind.valueNames`, then zeroes.
    public var values: (UInt64, UInt64, UInt64, UInt64)

    public init(
        _ kind: HeapEventKind, _ track: EventTrack, start: UInt64, duration: UInt64 = 0,
        _ values: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)
    ) {
        self.kind = kind
        self.track = track
        self.start = start
        self.duration = duration
        self.values = values
    }

    public static func == (left: HeapEvent, right: HeapEvent) -> Bool {
        left.kind == right.kind && left.track == right.track && left.start == right.start
            && left.duration == right.duration && left.values == right.values
    }
}
