// Walks a stopped heap and says what does not hold. Each part of the heap has a
// file of its own beside this one; all are called from here. Callable in
// release builds; takes time and memory in proportion to the heap.

import Glibc
import Synchronization

/// Checks a heap whose world is stopped: no participant is in the middle of
/// anything. Each violation is a sentence that names the object, span or page.
///
///     allArenas ─▶ HeapArena ─▶ span records ─▶ central lists
///         │            │             │    └───▶ mutators' caches
///         ▼            ▼             ▼
///     PageAllocator  bitmap        bits, specials ─▶ statistics
package struct HeapVerifier {
    let heap: MHeapRef

    package init(_ heap: MHeapRef) { self.heap = heap }

    /// What does not hold; empty for a sound heap.
    ///
    /// - Parameter afterMark: marks are complete and nothing is swept yet: then
    ///   they are held against what can be reached. Otherwise spans may be
    ///   unswept, swept or cached.
    /// - Parameter exact: marking happened in one stop: then nothing is marked that cannot be reached.
    package func violations(afterMark: Bool, exact: Bool = true) -> [String] {
        var findings = Findings()
        let survey = Survey(heap, &findings)
        checkArenas(survey, &findings)
        for span in survey.inUse { checkSpan(span, afterMark: afterMark, &findings) }
        for span in survey.manual { checkManual(span, &findings) }
        checkBitStorage(survey, &findings)
        checkLists(survey, &findings)
        checkMutators(survey, afterMark: afterMark, &findings)
        checkPages(survey, &findings)
        checkSweepBuffers(survey, afterMark: afterMark, &findings)
        checkSpecialCounts(survey, &findings)
        checkStatistics(survey, &findings)
        if afterMark { checkMarks(survey, exact: exact, &findings) }
        return findings.sentences
    }
}

/// What a walk found so far. Keeps the first of them: one broken link can break everything behind it.
struct Findings {
    private(set) var sentences: [String] = []
    private static let capacity = 100

    mutating func add(_ sentence: @autoclosure () -> String) {
        if sentences.count < Self.capacity { sentences.append(sentence()) }
    }

    /// Adds the sentence unless `condition` holds.
    mutating func expect(_ condition: Bool, _ sentence: @autoclosure () -> String) {
        if !condition { add(sentence()) }
    }
}

/// Every span record by state, and the mutators, collected once for all checks.
struct Survey {
    var inUse: [MSpanRef] = []
    var manual: [MSpanRef] = []
    /// All records, whatever their state.
    var records: Set<UInt> = []
    var mutators: [MutatorRef] = []
    let generation: UInt32

    init(_ heap: MHeapRef, _ findings: inout Findings) {
        generation = heap.sweepgen
        for position in 0..<heap.pointee.allSpansCount {
            let address = heap.pointee.allSpans[position]
            guard let span = MSpanRef(bitPattern: address) else {
                findings.add("allSpans has no record at position \(position)")
                continue
            }
            findings.expect(records.insert(address).inserted, "\(name(span)) is twice in allSpans")
            switch span.state {
            case .inUse: inUse.append(span)
            case .manual: manual.append(span)
            case .dead: break
            }
        }
        inUse.sort { $0.base < $1.base }
        var mutators: [MutatorRef] = []
        heap.pointee.world.forEachMutator { mutators.append($0) }
        self.mutators = mutators
        findings.expect(generation & 1 == 0, "the heap's generation \(generation) is odd")
    }
}

func hex(_ value: UInt) -> String { "0x" + String(value, radix: 16) }

func name(_ span: MSpanRef) -> String { "span \(hex(span.base))" }

extension MHeapRef {
    /// The swept, unswept or cached state of a span in words.
    func describeGeneration(_ state: UInt32) -> String {
        switch state &- sweepgen {
        case 0: "swept"
        case 1: "cached before the sweep"
        case 3: "cached"
        case 0 &- 1: "being swept"
        case 0 &- 2: "unswept"
        default: "of generation \(state) in a heap of generation \(sweepgen)"
        }
    }
}

/// Prints violations and aborts: the heap cannot be trusted any more.
func reportViolations(_ violations: [String]) -> Never {
    for violation in violations.prefix(20) {
        let line = Array("heap verifier: \(violation)\n".utf8)
        line.withUnsafeBytes { _ = write(2, $0.baseAddress, $0.count) }
    }
    fatal("the heap is inconsistent", ("violations", UInt(violations.count)))
}
