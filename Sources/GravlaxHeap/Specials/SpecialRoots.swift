// What specials keep alive: root jobs of a mark. A finalizer keeps its function
// and everything its object refers to, but not the object; a cleanup its
// function and argument; a weak special its handle. Spans with specials are
// found by a bit of their first page; a job looks at 16 pages, or at some
// entries of the queue of due calls, so that each is short.

import Synchronization

/// The root jobs of the mark in progress. A thin pointer to raw memory.
package struct SpecialRoots {
    private struct Record: ~Copyable {
        /// Written while the world is stopped, before the jobs are handed out.
        var arenaCount = 0
        var jobCount = 0
    }

    static let pagesPerJob = 16
    static let jobsPerArena = HeapConstants.pagesPerArena / pagesPerJob

    private let record: UnsafeMutablePointer<Record>

    /// Nil when the system refuses the record.
    init?(memory: OSMemory, statistic: SystemStatistic) {
        guard let place = memory.allocatePersistent(
            byteCount: UInt(MemoryLayout<Record>.stride), alignment: 64, statistic: statistic)
        else { return nil }
        record = place.bindMemory(to: Record.self, capacity: 1)
        record.initialize(to: Record())
    }

    var arenaCount: Int { record.pointee.arenaCount }
    var jobCount: Int { record.pointee.jobCount }

    func begin(arenaCount: Int, queueJobCount: Int) {
        record.pointee.arenaCount = arenaCount
        record.pointee.jobCount = arenaCount * Self.jobsPerArena + queueJobCount
    }
}

extension UnsafeMutablePointer where Pointee == MHeap {
    /// Before a mark begins. World stopped, everything swept.
    ///
    /// Spans of arenas that are made later have only specials that were added while marking: who adds one marks what
    /// it keeps.
    package func beginSpecialMarking() {
        pointee.specials.roots.begin(
            arenaCount: pointee.allArenasCount.load(ordering: .relaxed),
            queueJobCount: pointee.specials.due.beginMarking())
        pointee.specials.ephemerons.begin()
    }

    /// Root jobs of this mark.
    package var specialRootJobCount: Int { pointee.specials.roots.jobCount }

    /// Does one root job, 0 ..< `specialRootJobCount`. Any participant, in any order, beside running mutators.
    ///
    /// - Source: Go 1.14 mgcmark.go, markrootSpans; finding spans by a bit of their page is Go 1.16's.
    package func markSpecialRoots(job: Int, _ worker: UnsafeMutablePointer<MarkWorker>) {
        let order = job / SpecialRoots.jobsPerArena
        guard order < pointee.specials.roots.arenaCount else {
            pointee.specials.due.markJob { special in
                worker.pointee.mark(word: special.pointee.payload)
                if special.pointee.kind == .finalizer {
                    worker.pointee.mark(address: UInt(special.pointee.argument))
                } else {
                    worker.pointee.mark(word: special.pointee.argument)
                }
            }
            return
        }
        let arena = arena(ArenaIndex(rawValue: allArenas[order])).unsafelyUnwrapped
        let firstByte = job % SpecialRoots.jobsPerArena * SpecialRoots.pagesPerJob / 8
        for byte in firstByte..<firstByte + SpecialRoots.pagesPerJob / 8 {
            var bits = arena.pointee.pageSpecials[byte].load(ordering: .acquiring)
            while bits != 0 {
                let page = byte * 8 + bits.trailingZeroBitCount
                bits &= bits - 1
                // A span with specials is in use, and no span is freed while marking.
                let span = arena.spanEntry(arena.pointee.base + UInt(page) << UInt(HeapConstants.pageShift))
                if let span { markSpecials(of: span, worker) }
            }
        }
    }

    private func markSpecials(of span: MSpanRef, _ worker: UnsafeMutablePointer<MarkWorker>) {
        span.lockSpecials()
        defer { span.unlockSpecials() }
        // Objects of one kind have the same function: once is enough.
        var lastFunction: UInt64 = 0
        var current = span.pointee.specials
        while let special = current {
            current = special.pointee.next
            switch special.pointee.kind {
            case .finalizer:
                let index = span.objectIndex(offset: UInt(special.pointee.offset))
                // What is marked is scanned anyway.
                if !span.isMarked(index) {
                    worker.pointee.scanReferents(of: span.base + index * span.pointee.elemSize, span)
                }
                if special.pointee.payload != lastFunction { worker.pointee.mark(word: special.pointee.payload) }
                lastFunction = special.pointee.payload
            case .cleanup:
                worker.pointee.mark(word: special.pointee.payload)
                worker.pointee.mark(word: special.pointee.argument)
            case .weakHandle: worker.pointee.mark(address: UInt(special.pointee.payload))
            case .profile, .native, .weakTable: break
            }
        }
    }
}
