import GravlaxHeap
import Testing

/// The sweep's protocol, step by step: who may sweep a span, what becomes of it, and who waits for whom.
@Suite struct SweepTests {
    private static let node = ObjectLayout(headerWords: 1, slotCount: 5)

    /// A heap with garbage that a cycle has just found.
    private final class Scene {
        let heap: Heap
        let roots = RootWords()
        let mutator: Mutator
        var raw: MHeapRef { heap.raw }

        init(_ change: (inout HeapConfiguration) -> Void = { _ in }) throws {
            var configuration = HeapConfiguration(encoding: .tagged)
            configuration.gcPercent = -1
            configuration.backgroundSweepers = 0
            configuration.scavengesInBackground = false
            change(&configuration)
            heap = try Heap(configuration)
            mutator = try heap.makeMutator(roots: roots)
        }

        func object() throws -> UnsafeMutableRawPointer { try #require(mutator.allocate(SweepTests.node)) }

        func keep(_ object: UnsafeMutableRawPointer) {
            roots.words.append(WordEncoding.tagged.match | UInt64(UInt(bitPattern: object)))
        }

        func span(_ object: UnsafeMutableRawPointer) -> MSpanRef { raw.spanOf(UInt(bitPattern: object))! }

        func state(_ span: MSpanRef) -> UInt32 { span.pointee.sweepgen.load(ordering: .acquiring) &- raw.sweepgen }

        /// Marks and flips; nothing is swept yet, and no cache flushed.
        func cycle(flushFirst: Bool) {
            heap.collector.whileStopped(mutator.state) {
                if flushFirst { heap.collector.flushCaches() }
                heap.collector.finishSweepStopped()
                precondition(heap.collector.reserveForCycle())
                heap.collector.beginMarking()
                heap.collector.drainStopped()
                heap.collector.endMarking()
                heap.collector.flip()
            }
        }
    }

    @Test func oneClaimWinsAndTheSweepEndsIt() throws {
        let scene = try Scene()
        let object = try scene.object()
        scene.keep(object)
        let span = scene.span(object)
        #expect(scene.state(span) == 3)
        scene.cycle(flushFirst: true)
        #expect(scene.state(span) == 0 &- 2)
        #expect(scene.raw.claim(span))
        #expect(scene.state(span) == 0 &- 1)
        #expect(!scene.raw.claim(span))
        #expect(!scene.raw.sweep(span, preserve: false, nil))
        #expect(scene.state(span) == 0)
        #expect(!scene.raw.claim(span))
        #expect(span.pointee.allocCount == 1)
        scene.mutator.close()
    }

    @Test func sweepingWhatIsNotClaimedIsFatal() async {
        await #expect(processExitsWith: .failure) {
            let scene = try! Scene()
            let object = try! scene.object()
            scene.keep(object)
            scene.cycle(flushFirst: true)
            _ = scene.raw.sweep(scene.span(object), preserve: false, nil)
        }
    }

    /// The sweep can be driven to its end in pieces of a given size, and says when that is.
    @Test func theSweepGoesOnInPieces() throws {
        let scene = try Scene()
        for _ in 0..<5 { scene.keep(try #require(scene.mutator.allocateNoScan(byteCount: 8192))) }
        scene.mutator.state.releaseAll()
        scene.cycle(flushFirst: true)
        func swept() -> UInt { scene.raw.pointee.pagesSwept.load(ordering: .relaxed) }
        #expect(!scene.raw.sweepSome(nil, spans: 0) && swept() == 0)
        #expect(!scene.raw.sweepSome(nil, spans: 2) && swept() == 2)
        #expect(!scene.raw.sweepSome(nil, spans: 2) && swept() == 4)
        // Somebody else is in the middle of a sweep: not done, though nothing is left.
        scene.raw.pointee.sweepers.wrappingAdd(1, ordering: .relaxed)
        #expect(!scene.raw.sweepSome(nil, spans: 2) && swept() == 5)
        scene.raw.pointee.sweepers.wrappingSubtract(1, ordering: .relaxed)
        #expect(scene.raw.sweepSome(nil, spans: 0))
        scene.mutator.close()
    }

    /// A span without a live object goes back to the heap; its pages are credit for whoever needs some.
    @Test func anEmptySpanGoesBack() throws {
        let scene = try Scene()
        _ = try scene.object()
        _ = try #require(scene.mutator.allocateNoScan(byteCount: 100_000))
        scene.cycle(flushFirst: true)
        let before = scene.heap.statistics
        var pages: UInt = 0
        while let freed = scene.raw.sweepOne(nil) { pages += freed }
        #expect(pages == 1 + 13)
        #expect(scene.raw.pointee.reclaimCredit.load(ordering: .relaxed) == pages)
        #expect(scene.raw.isSweepDone)
        #expect(scene.raw.sweepOne(nil) == nil)
        #expect(scene.heap.statistics.frees == before.frees + 2)
        #expect(scene.heap.statistics.pagesInUse == 0)
        scene.mutator.close()
    }

    /// Whoever needs a span swept sweeps it, whatever state it is in. The mutator that has it cached may be outside, and
    /// may never come back: waiting for it would be waiting for ever.
    @Test(.timeLimit(.minutes(1))) func aSpanCachedByAMutatorOutsideIsSweptForIt() throws {
        let scene = try Scene()
        let other = try scene.heap.makeMutator(roots: scene.roots)
        let object = try #require(other.allocate(Self.node))
        scene.keep(object)
        let dead = try #require(other.allocate(Self.node))
        let span = scene.span(object)
        other.enterOutside()
        scene.cycle(flushFirst: false)
        #expect(scene.state(span) == 1)
        #expect(scene.raw.addSpecial(.profile, to: UInt(bitPattern: object), payload: 7, scene.mutator.state) == .registered)
        #expect(scene.state(span) == 0)
        #expect(span.pointee.allocCount == 1)
        // What it caches next is swept, and the dead slot is free again.
        other.leaveOutside()
        #expect(try #require(other.allocate(Self.node)) == dead)
        #expect(scene.raw.removeSpecial(.profile, from: UInt(bitPattern: object), scene.mutator.state) == 7)
        #expect(HeapVerifier(scene.raw).violations(afterMark: false) == [])
        other.close()
        scene.mutator.close()
    }

    /// When `collect` returns, everything is swept, also what a mutator outside had cached.
    @Test func aCollectionSweepsTheCachesOfAll() throws {
        let scene = try Scene()
        let other = try scene.heap.makeMutator(roots: scene.roots)
        let object = try #require(other.allocate(Self.node))
        scene.keep(object)
        let span = scene.span(object)
        other.enterOutside()
        scene.mutator.collect()
        #expect(scene.state(span) == 0)
        #expect(span.pointee.allocCount == 1)
        other.leaveOutside()
        other.close()
        scene.mutator.close()
    }

    @Test func recordsOfTheDeadGoWithThem() throws {
        let scene = try Scene()
        let kept = try scene.object()
        let dead = try scene.object()
        scene.keep(kept)
        for object in [kept, dead] {
            for kind in [SpecialKind.profile, .native] {
                #expect(scene.raw.addSpecial(kind, to: UInt(bitPattern: object), payload: 1, scene.mutator.state) == .registered)
            }
        }
        scene.mutator.collect()
        #expect(scene.mutator.takeNativeCleanup() == 1)
        #expect(scene.mutator.takeNativeCleanup() == nil)
        _ = scene.mutator.readStatistics()
        #expect(scene.raw.pointee.specials.pool.takenCount == 2)
        scene.mutator.close()
    }

    @Test(arguments: [true, false]) func freedSlotsAreFilledIfAskedFor(isOn: Bool) throws {
        let scene = try Scene { $0.debug.clobberFree = isOn }
        let kept = try scene.object()
        let dead = try scene.object()
        for object in [kept, dead] { object.storeBytes(of: 11, as: UInt64.self) }
        scene.keep(kept)
        scene.mutator.collect()
        #expect(kept.load(as: UInt64.self) == 11)
        #expect((dead.load(as: UInt64.self) == 11) != isOn)
        // And cleared before it is used again.
        #expect(try scene.object() == dead)
        #expect(dead.load(as: UInt64.self) == 0)
        scene.mutator.close()
    }

    @Test(arguments: [true, false]) func sweepingMayBePartOfTheStop(isOn: Bool) throws {
        let scene = try Scene {
            $0.debug.stopTheWorld = isOn
            $0.debug.stress = 1
        }
        scene.keep(try scene.object())
        _ = scene.mutator.readStatistics()
        scene.mutator.state.requestPoll(.collect)
        scene.mutator.safepoint()
        while scene.mutator.step(100) {}
        #expect(scene.heap.statistics.cycles == 1)
        #expect(scene.raw.isSweepDone == isOn)
        scene.mutator.close()
    }

    /// Under `stress` all slots but the next are held back. A span that is given back early keeps them all.
    @Test func withheldSlotsAreNotLost() throws {
        let scene = try Scene { $0.debug.stress = 1_000 }
        let object = try scene.object()
        scene.keep(object)
        let span = scene.span(object)
        for count in 1...3 {
            scene.mutator.state.releaseAll()
            #expect(span.pointee.allocCount == UInt32(count))
            #expect(span.freeCount == span.pointee.elemCount - UInt32(count))
            _ = try scene.object()
        }
        scene.mutator.close()
    }
}
