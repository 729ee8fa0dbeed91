// Finalizers, cleanups and native cleanups, as a mutator sees them.

import Synchronization

/// A call that has fallen due.
public struct DueCall: Equatable {
    public enum Kind: Sendable { case finalizer, cleanup }
    public let kind: Kind
    /// The word that was registered.
    public let function: UInt64
    /// What a finalizer is called with: its object, which lives again.
    public let object: UnsafeMutableRawPointer?
    /// What a cleanup is called with: the word that was registered.
    public let argument: UInt64
    public let site: UInt64

    package init(kind: Kind, function: UInt64, object: UnsafeMutableRawPointer?, argument: UInt64, site: UInt64) {
        self.kind = kind
        self.function = function
        self.object = object
        self.argument = argument
        self.site = site
    }
}

extension Mutator {
    private var specials: Specials { state.pointee.heap.pointee.specials }

    /// Has `function` handed out by `takeDueCall`, with `object`, once the object is unreachable, after the cycle that
    /// finds it so. The object and all it refers to live through that. An object has one finalizer at most. One that its
    /// own finalizer or what it refers to leads back to is never found unreachable.
    ///
    /// Any time between two safepoints.
    /// - Parameters:
    ///   - object: the start of an object.
    ///   - function: a word of this heap, which the registration keeps alive.
    ///   - site: says where it was registered, in whatever way the client likes.
    /// - Source: Go 1.14 mheap.go, addfinalizer.
    public func addFinalizer(_ object: UnsafeMutableRawPointer, function: UInt64, site: UInt64 = 0) -> Registration {
        let heap = state.pointee.heap
        let address = UInt(bitPattern: object)
        let result = heap.addSpecial(.finalizer, to: address, payload: function, site: site, state)
        guard result == .registered else { return result }
        specials.counters.registered.add(1)
        if state.pointee.barrier != 0 {
            // The root job of this span may be over.
            shade(function)
            shadeReferents(of: address)
        }
        return .registered
    }

    /// Takes the finalizer of `object` back. False if it has none, or if that has fallen due already.
    ///
    /// - Source: Go 1.14 mheap.go, removefinalizer.
    public func removeFinalizer(_ object: UnsafeMutableRawPointer) -> Bool {
        guard state.pointee.heap.removeSpecial(.finalizer, from: UInt(bitPattern: object), state) != nil else {
            return false
        }
        specials.counters.dropped.add(1)
        return true
    }

    /// Has `function` handed out, with `argument`, after `object` is freed: once its finalizer is over, if it has one.
    /// An object may have several cleanups, which fall due in the order of their registration. Function and argument
    /// live until then; if they lead to the object, it is never freed.
    public func addCleanup(
        _ object: UnsafeMutableRawPointer, function: UInt64, argument: UInt64, site: UInt64 = 0
    ) -> Registration {
        let result = state.pointee.heap.addSpecial(
            .cleanup, to: UInt(bitPattern: object), payload: function, argument: argument, site: site, state)
        guard result == .registered else { return result }
        specials.counters.registered.add(1)
        shade(function)
        shade(argument)
        return .registered
    }

    /// The call that fell due first and was not taken yet; nil if there is none. It counts as run. What it holds belongs
    /// to this mutator's roots before its next safepoint.
    public func takeDueCall() -> DueCall? {
        guard let special = specials.due.pop() else { return nil }
        specials.counters.run.add(1)
        let function = special.pointee.payload
        let isFinalizer = special.pointee.kind == .finalizer
        let word = special.pointee.argument
        shade(function)
        if isFinalizer { shade(address: UInt(word)) } else { shade(word) }
        let call = DueCall(
            kind: isFinalizer ? .finalizer : .cleanup, function: function,
            object: isFinalizer ? UnsafeMutableRawPointer(bitPattern: UInt(word)) : nil,
            argument: isFinalizer ? 0 : word, site: special.pointee.site)
        state.giveSpecial(special)
        return call
    }

    /// Objects that were found dead, and whose finalizers fell due and were not taken yet, oldest first. They live until the
    /// owner's `takeDueCall`.
    public func waitingObjects() -> [UnsafeMutableRawPointer] {
        hasDueCalls ? specials.due.objects().compactMap { UnsafeMutableRawPointer(bitPattern: $0) } : []
    }

    /// How many calls are due. One relaxed load.
    public var dueCallCount: Int { specials.due.count }
    public var hasDueCalls: Bool { specials.due.count != 0 }

    /// Has `payload`, which is no reference, handed out by `takeNativeCleanup` after `object` is freed. Several may be
    /// attached. False if memory was refused.
    public func addNativeCleanup(_ object: UnsafeMutableRawPointer, payload: UInt64) -> Bool {
        state.pointee.heap.addSpecial(.native, to: UInt(bitPattern: object), payload: payload, state) == .registered
    }

    /// One relaxed load.
    public var hasNativeCleanups: Bool { specials.natives.count != 0 }

    /// The payload of a native cleanup whose object is free; nil if there is none. The object's address may be in use
    /// again.
    public func takeNativeCleanup() -> UInt64? {
        guard let special = specials.natives.pop() else { return nil }
        let payload = special.pointee.payload
        state.giveSpecial(special)
        return payload
    }
}

extension Mutator {
    /// While marking: greys the object at `address`.
    func shade(address: UInt) { shade(state.pointee.heap.pointee.configuration.encoding.match | UInt64(address)) }

    /// Greys what the object at `address` refers to, not the object. While marking.
    private func shadeReferents(of address: UInt) {
        let heap = state.pointee.heap
        guard let (base, span, _) = heap.findObject(address), !span.pointee.spanClass.noscan else { return }
        let size = span.pointee.elemSize
        if size > 256 {
            let marker = state.pointee.marker
            heap.enterMarking()
            marker.pointee.scanReferents(of: base, span)
            state.leaveMarking()
            return
        }
        // Up to 32 words in one arena. They go through the barrier's buffer: giving a work buffer away for each small
        // object would leave many of them nearly empty.
        let words = Int(size / 8)
        var bits = heap.bitmapWord(base, heap.arena(ArenaIndex(address: base)).unsafelyUnwrapped)
        let slots = UnsafePointer<Atomic<UInt64>>(bitPattern: base).unsafelyUnwrapped
        for index in 0..<words {
            if bits & 0b10 == 0 { return }
            if bits & 0b01 != 0 { shade(slots[index].load(ordering: .acquiring)) }
            bits &>>= 2
        }
    }
}

extension Mutator {
    /// Has all finalizers fall due, whether or not their objects are reachable: for the end of a program. Weak
    /// references go on seeing the objects, and cleanups stay. Stops the world: at a safepoint only.
    ///
    /// - Returns: how many fell due.
    @discardableResult
    public func queueAllFinalizers() -> Int {
        let heap = state.pointee.heap
        var chain = SpecialChain()
        owner.whileStopped(state) {
            owner.finishSweepStopped()
            for position in 0..<heap.pointee.allSpansCount {
                let span = MSpanRef(bitPattern: heap.pointee.allSpans[position]).unsafelyUnwrapped
                if span.state == .inUse, span.pointee.specials != nil { heap.takeFinalizers(of: span, &chain) }
            }
            // If a mark is under way, it may be past the queue.
            var current = chain.first
            while let special = current {
                shade(special.pointee.payload)
                shade(address: UInt(special.pointee.argument))
                current = special.pointee.next
            }
            heap.pointee.specials.due.push(chain)
        }
        if hasDueCalls { state.requestPoll(.dueCalls) }
        return chain.count
    }

    private var owner: Collector { state.pointee.owner.unsafelyUnwrapped.takeUnretainedValue() }
}
