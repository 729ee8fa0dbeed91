// Who holds which span: the central lists, the mutators' caches, and the two
// stacks that sweeping works through.

import Synchronization

extension HeapVerifier {
    /// Every small in-use span is in exactly one list of its class: with the full and the cached ones, or with those
    /// that have a free object.
    func checkLists(_ survey: Survey, _ findings: inout Findings) {
        var listed: Set<UInt> = []
        for raw in 0..<SpanClass.count {
            let spanClass = SpanClass(rawValue: UInt8(raw))
            let central = heap.central(spanClass)
            walk(central.pointee.nonEmpty, "with free objects", spanClass, survey, &listed, &findings)
            walk(central.pointee.empty, "without", spanClass, survey, &listed, &findings)
        }
        for span in survey.inUse {
            let isListed = listed.contains(UInt(bitPattern: span))
            if span.pointee.spanClass.sizeClass == .large {
                findings.expect(!isListed && span.pointee.list == nil, "large \(name(span)) is in a list")
                continue
            }
            guard isListed else {
                findings.add("\(name(span)) is in no central list")
                continue
            }
            let distance = span.pointee.sweepgen.load(ordering: .relaxed) &- survey.generation
            let isCached = distance == 1 || distance == 3
            let central = heap.central(span.pointee.spanClass)
            let belongs = isCached || span.pointee.allocCount == span.pointee.elemCount
                ? central.pointee.empty : central.pointee.nonEmpty
            findings.expect(
                span.pointee.list == belongs,
                "\(name(span)) is \(isCached ? "cached" : "in no cache"), has \(span.pointee.allocCount) of "
                    + "\(span.pointee.elemCount) objects, and is in the wrong list")
        }
    }

    private func walk(
        _ list: MSpanListRef, _ which: String, _ spanClass: SpanClass, _ survey: Survey,
        _ listed: inout Set<UInt>, _ findings: inout Findings
    ) {
        let title = "the list \(which) of span class \(spanClass.rawValue)"
        var previous: MSpanRef?
        var current = list.pointee.first
        while let span = current {
            guard survey.records.contains(UInt(bitPattern: span)) else {
                findings.add("\(title) leads to \(hex(UInt(bitPattern: span))), which is no span record")
                return
            }
            guard listed.insert(UInt(bitPattern: span)).inserted else {
                findings.add("\(title) comes to \(name(span)) a second time")
                return
            }
            findings.expect(span.state == .inUse, "\(title) holds \(name(span)), which is not in use")
            findings.expect(
                span.pointee.spanClass == spanClass,
                "\(title) holds \(name(span)) of class \(span.pointee.spanClass.rawValue)")
            findings.expect(span.pointee.list == list, "\(name(span)) does not know that it is in \(title)")
            findings.expect(span.pointee.previous == previous, "\(name(span)): its link back in \(title) is wrong")
            previous = span
            current = span.pointee.next
        }
        findings.expect(list.pointee.last == previous, "\(title) ends elsewhere than its last span")
    }

    /// Caches hold exactly the spans whose generation says so.
    func checkMutators(_ survey: Survey, afterMark: Bool, _ findings: inout Findings) {
        var cached: Set<UInt> = []
        for (number, mutator) in survey.mutators.enumerated() {
            let title = "mutator \(number)"
            let isFlushed = mutator.pointee.flushGeneration == survey.generation
            findings.expect(
                isFlushed || !afterMark && mutator.pointee.flushGeneration == survey.generation &- 2,
                "\(title) was flushed last at generation \(mutator.pointee.flushGeneration), the heap is at "
                    + "\(survey.generation)")
            for raw in 0..<SpanClass.count where mutator.pointee.cache[raw] != mutator.pointee.emptySpan {
                let span = mutator.pointee.cache[raw]
                guard survey.records.contains(UInt(bitPattern: span)), span.state == .inUse else {
                    findings.add("\(title) caches something for span class \(raw) that is no in-use span")
                    continue
                }
                findings.expect(cached.insert(UInt(bitPattern: span)).inserted, "\(name(span)) is in two caches")
                findings.expect(
                    Int(span.pointee.spanClass.rawValue) == raw,
                    "\(title) caches \(name(span)) of class \(span.pointee.spanClass.rawValue) for class \(raw)")
                let state = span.pointee.sweepgen.load(ordering: .relaxed)
                findings.expect(
                    state == survey.generation &+ (isFlushed ? 3 : 1),
                    "\(title) caches \(name(span)), which is \(heap.describeGeneration(state))")
            }
            findings.expect(
                mutator.pointee.emptySpan.pointee.allocCache == 0 && mutator.pointee.emptySpan.pointee.elemCount == 0,
                "\(title): objects come out of its empty span")
            checkTiny(mutator, title, &findings)
            findings.expect(
                !afterMark || mutator.pointee.barrierCount == 0, "\(title) has stores that no mark has seen")
            checkStock(mutator, title, &findings)
        }
        for span in survey.inUse {
            let distance = span.pointee.sweepgen.load(ordering: .relaxed) &- survey.generation
            if distance == 1 || distance == 3 {
                findings.expect(
                    cached.contains(UInt(bitPattern: span)), "\(name(span)) counts as cached and is in no cache")
            }
        }
    }

    private func checkTiny(_ mutator: MutatorRef, _ title: String, _ findings: inout Findings) {
        let block = mutator.pointee.tiny
        if block == 0 { return }
        guard let (base, span, index) = heap.findObject(block), base == block, span.pointee.spanClass == .tiny,
            !span.isFree(index)
        else {
            findings.add("\(title): its tiny block \(hex(block)) is no allocated tiny block")
            return
        }
        findings.expect(
            mutator.pointee.tinyOffset <= UInt(HeapConstants.tinySize),
            "\(title): the free rest of its tiny block begins at \(mutator.pointee.tinyOffset)")
    }

    private func checkStock(_ mutator: MutatorRef, _ title: String, _ findings: inout Findings) {
        guard (0...MutatorState.spanRecordCapacity).contains(mutator.pointee.spanRecordCount) else {
            findings.add("\(title) has a stock of \(mutator.pointee.spanRecordCount) span records")
            return
        }
        for position in 0..<mutator.pointee.spanRecordCount {
            let record = MSpanRef(bitPattern: mutator.pointee.spanRecords[position])
            findings.expect(record.map { $0.state == .dead } ?? false,
                "\(title): span record \(position) of its stock is in use")
        }
    }

    /// Swept and cached spans are in the swept stack exactly once; unswept ones in the other. Spans that were cached
    /// before the sweep may have been passed over there: their mutator sweeps them.
    func checkSweepBuffers(_ survey: Survey, afterMark: Bool, _ findings: inout Findings) {
        let swept = entries(of: heap.sweptSpans, "swept", survey, &findings)
        let unswept = entries(of: heap.unsweptSpans, "unswept", survey, &findings)
        for (address, count) in swept {
            let span = MSpanRef(bitPattern: address)!
            let state = span.pointee.sweepgen.load(ordering: .relaxed)
            let isRight = span.state == .inUse && (state == survey.generation || state == survey.generation &+ 3)
            findings.expect(
                isRight && count == 1,
                "\(name(span)) is \(count) times in the stack of swept spans and is \(heap.describeGeneration(state))")
        }
        for span in survey.inUse {
            let address = UInt(bitPattern: span)
            let state = span.pointee.sweepgen.load(ordering: .relaxed)
            switch state &- survey.generation {
            case 0, 3:
                findings.expect(swept[address] == 1, "\(name(span)) is not in the stack of swept spans")
            case 0 &- 2:
                findings.expect(
                    unswept[address] == 1,
                    "\(name(span)) is unswept and \(unswept[address] ?? 0) times in the stack of unswept spans")
            default: break
            }
        }
        let isDone = heap.pointee.sweepDone.load(ordering: .relaxed) != 0
        findings.expect(!isDone || unswept.isEmpty, "sweeping is done and \(unswept.count) spans wait for it")
        findings.expect(isDone || !afterMark, "marking is over and sweeping of the cycle before it is not")
        findings.expect(
            heap.pointee.sweepers.load(ordering: .relaxed) == 0, "the world is stopped and somebody sweeps")
    }

    private func entries(
        of buffer: SweepBuffer, _ which: String, _ survey: Survey, _ findings: inout Findings
    ) -> [UInt: Int] {
        var counts: [UInt: Int] = [:]
        buffer.forEach { address in
            if survey.records.contains(address) {
                counts[address, default: 0] += 1
            } else {
                findings.add("the stack of \(which) spans holds \(hex(address)), which is no span record")
            }
        }
        return counts
    }
}
