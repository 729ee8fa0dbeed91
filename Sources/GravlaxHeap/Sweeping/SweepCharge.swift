// What one allocation pays for sweeping, at most. In a growing heap of which
// everything lives, the line of the proportional sweep can ask one allocation to
// sweep half the heap (Go issue 18155), and the reclaimer to look at all of it.

/// How much sweeping an allocation that needs a span may be charged with.
public enum SweepBound: Sendable {
    /// A few dozen spans, and one for each page that it takes. What is due beyond that stays due: the next allocations
    /// and the background sweepers go on with it.
    case bounded
    /// All that is due, as in Go: the sweep is never behind, however long that takes.
    case proportional
}

/// What one allocation may still be charged with.
package struct SweepCharge {
    /// Spans that it may still sweep. Looking through some pages for dead spans counts as much as sweeping one.
    package private(set) var left: Int
    /// Of these, spans that may be swept for the line, so that something is left for what helps this allocation.
    private var leftForCredit: Int
    package let isBounded: Bool
    /// Who is charged, where somebody measures that.
    package let payer: MutatorRef?

    /// Spans that an allocation of no pages may sweep; each page allows for one more, since clearing a page costs as
    /// much.
    package static let baseSpanCount = 32
    /// Pages that the reclaimer looks through at a time, and so the most that it goes past the bound.
    package static let reclaimPageCount = 16

    package init(_ bound: SweepBound, pageCount: UInt, payer: MutatorRef? = nil) {
        self.payer = payer
        isBounded = bound == .bounded
        left = isBounded ? Self.baseSpanCount + Int(pageCount) : .max
        leftForCredit = isBounded ? left - Self.baseSpanCount / 2 : .max
    }

    package var isUsedUp: Bool { left <= 0 }
    package var creditSpanCount: Int { leftForCredit }

    package mutating func pay(spans count: Int) {
        if isBounded { left -= count }
    }

    package mutating func payForCredit(spans count: Int) {
        if !isBounded { return }
        left -= count
        leftForCredit -= count
    }
}
