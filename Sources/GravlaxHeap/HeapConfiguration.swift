/// How this heap's words are decoded: a word is a pointer when
/// `word & mask == match`, and its address is `word & addressMask`.
public struct WordEncoding: Sendable {
    public var mask: UInt64
    public var match: UInt64
    public var addressMask: UInt64

    public init(mask: UInt64, match: UInt64, addressMask: UInt64) {
        self.mask = mask
        self.match = match
        self.addressMask = addressMask
    }

    /// Words are plain addresses; 0 is no pointer (it never lies in the heap).
    public static let plainAddresses = WordEncoding(
        mask: 0xFFFF_0000_0000_0007, match: 0, addressMask: 0x0000_FFFF_FFFF_FFFF)
}

/// Checks and provocations, all usable in a release build.
public struct DebugModes: Sendable {
    /// Before sweeping, with the world stopped, check the marks, every span and every statistic.
    public var verify = false
    /// Start a cycle every this many allocations; 0 = off.
    public var stress = 0
    /// Fill freed slots with a pattern that no program can mistake for a value.
    public var clobberFree = false
    /// Sweep with the world stopped too.
    public var stopTheWorld = false

    public init() {}
}

/// What keeps a heap small and its pauses short. A test turns one off and sees
/// what it was good for fail; nothing else does.
package struct Mechanisms: OptionSet, Sendable {
    package let rawValue: UInt16
    package init(rawValue: UInt16) { self.rawValue = rawValue }
    /// Allocation sweeps in proportion to what it takes.
    package static let sweepCredit = Mechanisms(rawValue: 1)
    /// A run of pages is taken only after as many were reclaimed.
    package static let reclaim = Mechanisms(rawValue: 2)
    /// Small spans come from pages that the mutator owns.
    package static let pageCache = Mechanisms(rawValue: 4)
    /// The mutators' current tiny blocks are marked.
    package static let tinyBlockMarking = Mechanisms(rawValue: 8)
    /// Spans with marked objects are known by their first page.
    package static let pageMarks = Mechanisms(rawValue: 16)
    /// Spans with few free objects are left alone while there are others.
    package static let crowdedSpans = Mechanisms(rawValue: 256)
    /// A mutator marks some of what its roots lead to as soon as it has visited them.
    package static let promptMarking = Mechanisms(rawValue: 512)
    /// A store records the value that it overwrites.
    package static let deletionBarrier = Mechanisms(rawValue: 32)
    /// A store records the value that it writes.
    package static let insertionBarrier = Mechanisms(rawValue: 64)
    /// Objects made while marking are marked as they are made.
    package static let blackAllocation = Mechanisms(rawValue: 128)
}

/// What a heap is made with.
public struct HeapConfiguration: Sendable {
    public var encoding: WordEncoding
    /// Bytes the heap may have ready at most: `heapSys − heapReleased`, stacks
    /// and committed metadata together. nil = no limit.
    public var budget: UInt64?
    /// Percentage that the heap may grow beyond what was live before the next cycle; negative = never collect by itself.
    public var gcPercent = 100
    /// Bytes that the heap should stay under (`readyBytes`), by collecting more often; unlike `budget` it refuses
    /// nothing, and it is given up while collecting would take more than half of the processors' time. nil = no limit.
    public var memoryLimit: UInt64?
    /// Threads that mark in the background, at most; nil = as many as there are processors. With 0, mutators do all of
    /// the marking as they allocate.
    public var markWorkers: Int?
    /// Threads that sweep in the background, at first one less than there are processors, but one; 0 leaves all
    /// sweeping to allocation.
    public var backgroundSweepers = Swift.max(1, Processors.count - 1)
    /// How much of the sweeping one allocation may be charged with.
    public var sweepBound = SweepBound.bounded
    /// Give the system back, a little at a time, what the heap is not going to need before the next cycle ends.
    public var scavengesInBackground = true
    /// Ask the system for huge pages beyond the first 8 MiB: faster to touch and to mark, in steps of 2 MiB.
    public var usesHugePages = true
    /// Touch the next 4 MiB of a heap of 32 MiB and more before they are needed, in the background, and give small objects
    /// huge pages in such memory only: the first touch of a huge page takes a quarter of a millisecond, and several where
    /// a host has to find the memory. Without it the heap grows a few percent faster, with longer pauses. Nothing without
    /// huge pages.
    public var preparesMemory = true
    /// Bytes for each allocation that is sampled, on average (Go's default is 512 KiB); 0 = none is.
    public var profileByteCount = 0
    public var debug = DebugModes()
    /// Read the clock around each allocation that needs a new span, for `HeapStatistics.stalls`.
    public var measuresStalls = false
    /// Processors that the pacing of marking counts with; nil = those that the process may use.
    package var processorCount: Int?
    package var disabledMechanisms: Mechanisms = []

    public init(encoding: WordEncoding = .plainAddresses) { self.encoding = encoding }
}

/// Why the heap refused.
public enum HeapError: Error, Equatable, Sendable {
    /// The system or the budget refused memory.
    case outOfMemory
}
