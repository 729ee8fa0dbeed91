// What people read for kinds, tracks and codes.

import GravlaxHeap

extension EventTrack.Kind {
    var title: StaticString {
        switch self {
        case .heap: "collector"
        case .world: "stops of the world"
        case .mutator: "mutator"
        case .marker: "mark worker"
        case .sweeper: "sweeper"
        case .scavenger: "scavenger"
        case .pages: "page heap"
        }
    }

    /// Whether there is one such track only.
    var isSingle: Bool { [.heap, .world, .scavenger, .pages].contains(self) }
}

extension TraceRow {
    var title: StaticString {
        switch shape {
        case .stopping: "waiting for everybody"
        case .standing: "world stopped"
        case .event where event.kind == .phase:
            switch TracePhase(rawValue: UInt8(truncatingIfNeeded: event.values.0)) {
            case .mark: "phase: mark"
            case .markTermination: "phase: mark termination"
            default: "phase: off"
            }
        case .event, .spans: event.kind.title
        }
    }
}

extension HeapEventKind {
    var title: StaticString {
        switch self {
        case .phase: "phase"
        case .stop: "stop the world"
        case .stopped: "stopped"
        case .rootJob: "roots"
        case .drain: "mark"
        case .assist: "mark assist"
        case .sweep: "sweep"
        case .sweepCredit: "sweep for allocation"
        case .reclaim: "reclaim"
        case .spanAllocation: "spans allocated"
        case .spanFree: "spans freed"
        case .scavenge: "scavenge"
        case .finalizers: "finalizers"
        case .growth: "heap grows"
        case .cycle: "collection"
        case .counters: "counters"
        }
    }

    /// For filters.
    var category: StaticString {
        switch self {
        case .phase, .stop, .stopped, .cycle: "phase"
        case .rootJob, .drain, .assist: "mark"
        case .sweep, .sweepCredit, .reclaim: "sweep"
        case .spanAllocation, .spanFree, .growth, .scavenge, .counters: "memory"
        case .finalizers: "finalizers"
        }
    }

    /// The name of the number that is a code.
    var codeName: String? {
        switch self {
        case .phase: "phase"
        case .stop, .scavenge: "reason"
        case .rootJob: "job"
        default: nil
        }
    }

    /// What a code says; nil for one that nobody gave a meaning.
    func word(for code: UInt64) -> StaticString? {
        guard let code = UInt8(exactly: code) else { return nil }
        switch self {
        case .phase: return TracePhase(rawValue: code)?.word
        case .stop: return StopReason(rawValue: code)?.word
        case .scavenge: return ScavengeReason(rawValue: code)?.word
        case .rootJob: return RootJobKind(rawValue: code)?.word
        default: return nil
        }
    }
}

extension TracePhase {
    var word: StaticString {
        switch self {
        case .off: "off"
        case .mark: "mark"
        case .markTermination: "mark termination"
        }
    }
}

extension StopReason {
    var word: StaticString {
        switch self {
        case .markStart: "start of marking"
        case .markTermination: "end of marking"
        case .wholeCycle: "whole collection"
        case .statistics: "statistics"
        case .releaseMemory: "release of memory"
        case .verification: "verification"
        case .other: "other"
        }
    }
}

extension ScavengeReason {
    var word: StaticString {
        switch self {
        case .background: "background"
        case .growth: "growth"
        case .budget: "budget"
        case .forced: "forced"
        }
    }
}

extension RootJobKind {
    var word: StaticString {
        switch self {
        case .mutator: "mutator"
        case .specials: "specials"
        case .finalizerQueue: "finalizer queue"
        case .other: "other"
        }
    }
}
