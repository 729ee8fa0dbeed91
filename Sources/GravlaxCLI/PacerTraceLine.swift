// What the pacer of collections decided and how it came out, in the format of Go's GODEBUG=gcpacertrace=1.

/// The lines of one collection, in the order in which they come. Sizes in bytes, ratios and utilisations as fractions.
package enum PacerTraceLine {
    /// The sweep before the collection ended.
    case sweepDone(heapLive: UInt64, allocated: UInt64, pagesSwept: UInt64, pagesPerByte: Double)
    /// A collection begins.
    case start(
        assistRatio: Double, heapScan: UInt64, heapLive: UInt64, goal: UInt64, dedicatedWorkers: Int,
        fractionalUtilization: Double)
    /// Its marking ended.
    case end(
        markedBefore: UInt64, triggerRatio: Double, trigger: UInt64, growth: Double, heapLive: UInt64,
        goalGrowth: Double, goal: UInt64, utilization: Double, goalUtilization: Double, scanWork: UInt64)

    /// - Source: Go 1.14 mgc.go, (*gcControllerState).startCycle and endCycle; mgcsweep.go, sweepone.
    package var text: String {
        switch self {
        case .sweepDone(let heapLive, let allocated, let pagesSwept, let pagesPerByte):
            return "pacer: sweep done at heap size \(heapLive >> 20)MB; allocated \(allocated >> 20)MB during sweep; "
                + "swept \(pagesSwept) pages at \(GoFloat.text(pagesPerByte)) pages/byte\n"
        case .start(let ratio, let heapScan, let heapLive, let goal, let dedicated, let fractional):
            return "pacer: assist ratio=\(GoFloat.text(ratio)) (scan \(heapScan >> 20) MB in "
                + "\(heapLive >> 20)->\(goal >> 20) MB) workers=\(dedicated)+\(GoFloat.text(fractional))\n"
        case .end(
            let markedBefore, let triggerRatio, let trigger, let growth, let heapLive, let goalGrowth, let goal,
            let utilization, let goalUtilization, let scanWork):
            return "pacer: H_m_prev=\(markedBefore) h_t=\(GoFloat.text(triggerRatio)) H_T=\(trigger)"
                + " h_a=\(GoFloat.text(growth)) H_a=\(heapLive)"
                + " h_g=\(GoFloat.text(goalGrowth)) H_g=\(goal)"
                + " u_a=\(GoFloat.text(utilization)) u_g=\(GoFloat.text(goalUtilization)) W_a=\(scanWork)"
                + " goalΔ=\(GoFloat.text(goalGrowth - triggerRatio)) actualΔ=\(GoFloat.text(growth - triggerRatio))"
                + " u_a/u_g=\(GoFloat.text(utilization / goalUtilization))\n"
        }
    }
}
