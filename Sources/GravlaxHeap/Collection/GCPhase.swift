// What the collector is doing, and how that changes.
//
//           cycleStarts            markingRanDry
//     off ──────────────▶ mark ──────────────────▶ markTermination
//      ▲                    ▲        workFound          │    │
//      │                    └───────────────────────────┘    │
//      └──────────────────────── cycleEnds ──────────────────┘
//
// Every change happens while the world is stopped (INV-32), so that a phase lasts
// at least from one safepoint of a running mutator to its next.

import Synchronization

/// - Source: Go 1.14 mgc.go, gcphase.
package enum GCPhase: UInt32, CaseIterable, Sendable {
    /// Nothing is marked; what the last cycle found dead may still be swept.
    case off = 0
    /// Barriers are on, new objects are black, markers run beside the program.
    case mark = 1
    /// The world is stopped, to see whether anything is left to mark.
    case markTermination = 2
}

package enum GCEvent: CaseIterable, Sendable {
    case cycleStarts, markingRanDry, workFound, cycleEnds
}

extension GCPhase {
    /// The phase after an event; nil where the event cannot happen.
    package func after(_ event: GCEvent) -> GCPhase? {
        switch (self, event) {
        case (.off, .cycleStarts): .mark
        case (.mark, .markingRanDry): .markTermination
        case (.markTermination, .workFound): .mark
        case (.markTermination, .cycleEnds): .off
        case (.off, .markingRanDry), (.off, .workFound), (.off, .cycleEnds),
            (.mark, .cycleStarts), (.mark, .workFound), (.mark, .cycleEnds),
            (.markTermination, .cycleStarts), (.markTermination, .markingRanDry):
            nil
        }
    }
}

extension UnsafeMutablePointer where Pointee == MHeap {
    package var phase: GCPhase {
        GCPhase(rawValue: pointee.marking.load(ordering: .relaxed)).unsafelyUnwrapped
    }

    /// Goes to the phase after `event`. World stopped.
    package func advance(_ event: GCEvent) {
        guard let next = phase.after(event) else {
            fatal("the collector is in the wrong phase", ("phase", UInt(phase.rawValue)))
        }
        pointee.marking.store(next.rawValue, ordering: .relaxed)
        pointee.events.instant(.phase, .heap, UInt64(next.rawValue))
        sampleCounters(always: true)
    }
}
