import GravlaxHeap
import Testing

/// One way to damage a heap, what the verifier must say of it, and how to mend it.
struct Damage: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let sentence: String
    /// Returns what undoes it.
    let inflict: @Sendable (Patient) -> () -> Void

    init(_ name: String, _ sentence: String, _ inflict: @escaping @Sendable (Patient) -> () -> Void) {
        testDescription = name
        self.sentence = sentence
        self.inflict = inflict
    }
}

@Suite struct HeapVerifierTests {
    @Test func aSoundHeapHasNoViolations() throws {
        let patient = try Patient()
        #expect(patient.violations() == [])
        patient.afterMark { #expect(patient.violations(afterMark: true) == []) }
        #expect(patient.violations() == [], "unswept")
        #expect(patient.raw.sweepOne(nil) != nil)
        #expect(patient.violations() == [], "swept in part")
        patient.mutator.collect()
        #expect(patient.violations() == [], "collected")
        patient.close()
    }

    @Test(arguments: Damage.ofArenas + Damage.ofSpans + Damage.ofLists + Damage.ofPages)
    func damageIsNamed(_ damage: Damage) throws { try check(damage) }

    @Test(arguments: Damage.ofStatistics)
    func wrongStatisticsAreNamed(_ damage: Damage) throws { try check(damage) }

    private func check(_ damage: Damage) throws {
        let patient = try Patient()
        let mend = damage.inflict(patient)
        let found = patient.violations()
        mend()
        #expect(found.contains { $0.contains(damage.sentence) }, "\(found)")
        #expect(patient.violations() == [])
        patient.close()
    }

    @Test(arguments: Damage.ofMarks) func wrongMarksAreNamed(_ damage: Damage) throws {
        let patient = try Patient()
        patient.afterMark {
            let mend = damage.inflict(patient)
            let found = patient.violations(afterMark: true)
            mend()
            #expect(found.contains { $0.contains(damage.sentence) }, "\(found)")
            #expect(patient.violations(afterMark: true) == [])
        }
        patient.close()
    }

    @Test func anUnsweptSpanAfterTheEndOfSweepingIsNamed() throws {
        let patient = try Patient()
        patient.afterMark {}
        patient.raw.pointee.sweepDone.store(1, ordering: .relaxed)
        #expect(patient.violations().contains { $0.contains("spans wait for it") })
        patient.raw.pointee.sweepDone.store(0, ordering: .relaxed)
        #expect(patient.violations() == [])
        // Spans that the mutator has cached may be passed over; one that only the sweepers know may not.
        var taken: [UInt] = []
        while let span = MSpanRef(bitPattern: patient.raw.unsweptSpans.pop()) {
            taken.append(UInt(bitPattern: span))
            if span == patient.full { break }
        }
        #expect(patient.violations().contains { $0.contains("0 times in the stack of unswept spans") })
        for span in taken.reversed() { #expect(patient.raw.unsweptSpans.push(span)) }
        #expect(patient.violations() == [])
        patient.mutator.collect()
        patient.close()
    }
}
