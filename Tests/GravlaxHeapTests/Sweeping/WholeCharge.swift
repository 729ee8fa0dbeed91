import GravlaxHeap

/// What an allocation does with a charge, as if it had done nothing else with it.
extension MHeapRef {
    func alloc(_ pageCount: UInt, _ spanClass: SpanClass, needZero: Bool, _ mutator: MutatorRef?) -> MSpanRef? {
        var charge = sweepCharge(pageCount: pageCount)
        return alloc(pageCount, spanClass, needZero: needZero, mutator, &charge)
    }

    func reclaim(_ pageCount: UInt) {
        var charge = sweepCharge(pageCount: pageCount)
        reclaim(pageCount, nil, &charge)
    }

    func deductSweepCredit(spanBytes: UInt, callerSweepPages: UInt) {
        var charge = sweepCharge(pageCount: callerSweepPages)
        deductSweepCredit(spanBytes: spanBytes, callerSweepPages: callerSweepPages, &charge)
    }
}
