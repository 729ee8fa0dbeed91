// One line for each collection, in the format of Go's GODEBUG=gctrace=1.

/// What a line says. Times are in nanoseconds, sizes in bytes.
package struct CollectionTraceLine {
    /// Number of the collection, from 1.
    package var number: UInt64
    /// From the start of the heap to the start of the collection.
    package var start: UInt64
    /// Share of the processor time since the start of the heap that went into collecting, 0...1.
    package var processorFraction: Double
    /// By the clock: stop and sweep termination, concurrent marking, mark termination.
    package var sweepTermination, marking, markTermination: UInt64
    /// Of all processors together: the two stops, and marking by assists, by workers, by idle processors.
    package var sweepTerminationCPU, assistCPU, workerCPU, idleCPU, markTerminationCPU: UInt64
    /// When the collection started, when marking ended, and what of that was marked.
    package var heapAtStart, heapAtEnd, heapMarked: UInt64
    package var goal: UInt64
    package var processorCount: Int
    /// Asked for by the program or its host.
    package var isForced: Bool

    package init(
        number: UInt64, start: UInt64, processorFraction: Double,
        sweepTermination: UInt64, marking: UInt64, markTermination: UInt64,
        sweepTerminationCPU: UInt64, assistCPU: UInt64, workerCPU: UInt64, idleCPU: UInt64,
        markTerminationCPU: UInt64, heapAtStart: UInt64, heapAtEnd: UInt64, heapMarked: UInt64,
        goal: UInt64, processorCount: Int, isForced: Bool
    ) {
        self.number = number
        self.start = start
        self.processorFraction = processorFraction
        self.sweepTermination = sweepTermination
        self.marking = marking
        self.markTermination = markTermination
        self.sweepTerminationCPU = sweepTerminationCPU
        self.assistCPU = assistCPU
        self.workerCPU = workerCPU
        self.idleCPU = idleCPU
        self.markTerminationCPU = markTerminationCPU
        self.heapAtStart = heapAtStart
        self.heapAtEnd = heapAtEnd
        self.heapMarked = heapMarked
        self.goal = goal
        self.processorCount = processorCount
        self.isForced = isForced
    }

    /// - Source: Go 1.14 mgc.go, gcMarkTermination.
    package var text: String {
        let clock = [sweepTermination, marking, markTermination].map(Self.milliseconds).joined(separator: "+")
        let mark = [assistCPU, workerCPU, idleCPU].map(Self.milliseconds).joined(separator: "/")
        let cpu = "\(Self.milliseconds(sweepTerminationCPU))+\(mark)+\(Self.milliseconds(markTerminationCPU))"
        let heap = [heapAtStart, heapAtEnd, heapMarked].map { String($0 >> 20) }.joined(separator: "->")
        return "gc \(number) @\(Self.decimal(start / 1_000_000, places: 3))s \(Int(processorFraction * 100))%: "
            + "\(clock) ms clock, \(cpu) ms cpu, \(heap) MB, \(goal >> 20) MB goal, \(processorCount) P"
            + (isForced ? " (forced)\n" : "\n")
    }

    /// Two digits of precision below 10 ms, with at most three decimal places; whole milliseconds from there.
    ///
    /// - Source: Go 1.14 mgc.go, fmtNSAsMS.
    package static func milliseconds(_ nanoseconds: UInt64) -> String {
        if nanoseconds >= 10_000_000 { return String(nanoseconds / 1_000_000) }
        var value = nanoseconds / 1_000
        if value == 0 { return "0" }
        var places = 3
        while value >= 100 {
            value /= 10
            places -= 1
        }
        return decimal(value, places: places)
    }

    /// `value` over the `places`-th power of ten, all places written.
    ///
    /// - Source: Go 1.14 mgc.go, itoaDiv.
    package static func decimal(_ value: UInt64, places: Int) -> String {
        if places == 0 { return String(value) }
        var digits = String(value)
        if digits.count <= places { digits = String(repeating: "0", count: places + 1 - digits.count) + digits }
        return digits.dropLast(places) + "." + digits.suffix(places)
    }
}
